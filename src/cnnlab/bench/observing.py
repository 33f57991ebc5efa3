"""What `callbacks=full` costs: an epoch with it over one without, in pairs."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import torch
from omegaconf import DictConfig, OmegaConf

from cnnlab.bench.contenders import lightning_loop
from cnnlab.bench.measure import Setting
from cnnlab.data import ImageDataModule
from cnnlab.training.build import build_callbacks, build_data
from cnnlab.training.quiet import quieten

MAX_COST = 0.05  # of an epoch


@dataclass(frozen=True)
class Pair:
    """Seconds of two whole epochs with their evaluation, one after the other."""

    without_s: float
    with_s: float


def measure_observing(
    config: DictConfig, setting: Setting, repetitions: int, progress: Callable[[str], None]
) -> list[Pair]:
    """Epochs with and without the config's callbacks, in turns, after a warm-up; the first of a pair alternates.

    What a run does once, the measurement before the first step and the picture after the last, is not of an epoch.

    Args:
        config: The composed config of `experiment=lecture` with `callbacks=full`.
        setting: The batch size and the number of threads.
        repetitions: The number of pairs.
        progress: Called with progress messages.
    """
    quieten()
    changed = OmegaConf.merge(config, {"data": {"batch_size": setting.batch_size}, "trainer": {"max_epochs": 1}})
    assert isinstance(changed, DictConfig)
    data = build_data(changed)
    data.prepare_data()
    data.setup()
    threads = torch.get_num_threads()
    torch.set_num_threads(setting.num_threads)
    try:
        pairs = []
        for repetition in range(repetitions + 1):
            progress(f"{repetition} of {repetitions}: callbacks=full, {setting}")
            order = (False, True) if repetition % 2 else (True, False)
            seconds = {observes: _epoch_seconds(changed, data, observes=observes) for observes in order}
            pairs.append(Pair(seconds[False], seconds[True]))
    finally:
        torch.set_num_threads(threads)
    return pairs[1:]


def _epoch_seconds(config: DictConfig, data: ImageDataModule, *, observes: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        added = build_callbacks(config, Path(folder)) if observes else []
        epoch = lightning_loop(config, data, Path(folder), added)
    return epoch.train_s + epoch.eval_s


def summarise_observing(pairs: Sequence[Pair]) -> dict[str, float]:
    """Median and quartiles of the ratio of an epoch with to one without, and the medians of both in seconds."""
    ratios = [pair.with_s / pair.without_s for pair in pairs]
    lower, _, upper = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return {
        "ratio": median(ratios),
        "lower_quartile": lower,
        "upper_quartile": upper,
        "without_s": median(pair.without_s for pair in pairs),
        "with_s": median(pair.with_s for pair in pairs),
    }


def format_observing(summary: dict[str, float], setting: Setting) -> str:
    """A line: the cost, and whether it is within the limit."""
    cost = summary["ratio"] - 1
    spread = f"quartiles {100 * (summary['lower_quartile'] - 1):+.1f} to {100 * (summary['upper_quartile'] - 1):+.1f} %"
    verdict = "under" if cost < MAX_COST else "not under"
    return (
        f"callbacks=full, an epoch of {summary['without_s']:.2f} s: {100 * cost:+.1f} % at {setting} ({spread}); "
        f"{verdict} {100 * MAX_COST:.0f} %"
    )
