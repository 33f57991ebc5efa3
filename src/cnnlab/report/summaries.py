"""What a configuration's runs say together: means with intervals, curves over epochs, times to a target."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from cnnlab.metrics import ACCURACY
from cnnlab.report.configurations import Configuration
from cnnlab.report.inference.differences import ALPHA
from cnnlab.report.runs import Run

TARGETS = (0.97, 0.985, 0.99)  # validation accuracies whose times are shown


def summarise(values: Mapping[int, float]) -> dict[str, Any] | None:
    """Mean, 95 % t interval and standard deviation over seeds; None without values.

    Args:
        values: Of each seed.
    """
    if not values:
        return None
    numbers = [values[seed] for seed in sorted(values)]
    mean, num = statistics.fmean(numbers), len(numbers)
    deviation = statistics.stdev(numbers) if num > 1 else None
    half = None if deviation is None else float(stats.t.isf(ALPHA / 2, num - 1)) * deviation / num**0.5
    return {
        "mean": mean,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
        "deviation": deviation,
        "values": numbers,
    }


def correlation(values: Sequence[Mapping[int, float]]) -> float | None:
    """The correlation between configurations over seeds: what pairing gains.

    The mean covariance of all pairs over the mean of their geometric mean variances, over the seeds that all have; None
    if there are less than three, or nothing varies.

    Args:
        values: Of each configuration, by seed.
    """
    measured = [each for each in values if each]
    if len(measured) < 2:
        return None
    seeds = sorted(set.intersection(*(set(each) for each in measured)))
    if len(seeds) < 3:
        return None
    covariances = np.cov([[each[seed] for seed in seeds] for each in measured])
    deviations = np.sqrt(np.diag(covariances))
    above = np.triu_indices(len(measured), k=1)
    scale = float(np.outer(deviations, deviations)[above].sum())
    return float(covariances[above].sum()) / scale if scale > 0 else None


def curve(configuration: Configuration, index: int, split: str) -> dict[str, Any] | None:
    """Accuracy after each epoch: median and range over seeds, as far as all completed runs went; None without any.

    Args:
        configuration: Whose runs.
        index: Of the configuration in the report.
        split: `"val"` or `"test"`.
    """
    name = ACCURACY.of(split)
    columns = [run.epochs for run in configuration.runs if run.metric(ACCURACY.of("test")) is not None or
               run.metric(ACCURACY.of("val")) is not None]  # fmt: skip
    columns = [each for each in columns if name in each]
    if not columns:
        return None
    accuracies = list(zip(*(each[name] for each in columns), strict=False))
    seconds = list(zip(*(np.cumsum(each.get("seconds", [])).tolist() for each in columns), strict=False))
    return {
        "configuration": index,
        "split": split,
        "epochs": list(range(1, len(accuracies) + 1)),
        "seconds": [statistics.median(each) for each in seconds],
        "median": [statistics.median(each) for each in accuracies],
        "low": [min(each) for each in accuracies],
        "high": [max(each) for each in accuracies],
    }


def times_to(runs: Sequence[Run], accuracy: float) -> dict[str, Any]:
    """Epochs and seconds of each run up to a validation accuracy; None where it was never reached.

    Args:
        runs: Of a configuration; those that failed have not reached it.
        accuracy: The target.
    """
    epochs: list[int | None] = []
    seconds: list[float | None] = []
    for run in runs:
        reached = [index for index, each in enumerate(run.epochs.get(ACCURACY.of("val"), [])) if each >= accuracy]
        epochs.append(reached[0] + 1 if reached else None)
        spent = run.epochs.get("seconds", [])
        seconds.append(sum(spent[: reached[0] + 1]) if reached and len(spent) > reached[0] else None)
    return {"accuracy": accuracy, "epochs": epochs, "seconds": seconds}
