"""What more random trials would bring: the expected best of so many, with a band that holds for the whole curve."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from opda.nonparametric import EmpiricalDistribution

CONFIDENCE = 0.95
DIGITS = 6


def tuning_curve(scores: Sequence[float | None]) -> dict[str, list[float]]:
    """The expected best accuracy after 1, 2, … random trials, with a 95 % band.

    The band is simultaneous: it holds the whole curve in 95 % of all searches. A trial that diverged counts as 0.

    Args:
        scores: Accuracies of independent random trials, as fractions; None for one that diverged.

    Returns:
        `trials`, `mean`, `low` and `high`, each of the number of trials.

    Reference:
        N. Lourie, K. Cho, H. He, Show your work with confidence: confidence bands for tuning curves, 2024,
        arXiv:2311.09480, whose package opda this is.
    """
    num = len(scores)
    values = np.sort([0.0 if score is None else score for score in scores])
    trials = np.arange(1, num + 1)
    lower, upper = (_with_weights(values, weights) for weights in _band_weights(num))
    curves = {
        "mean": EmpiricalDistribution(values, a=0.0, b=1.0).average_tuning_curve(trials),
        "low": upper.average_tuning_curve(trials),  # the upper band of the distribution function has the lower values
        "high": lower.average_tuning_curve(trials),
    }
    rounded = {name: np.round(curve, DIGITS).tolist() for name, curve in curves.items()}
    return {"trials": trials.tolist(), **rounded}


@cache
def _band_weights(num: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The weights of 0, of each order statistic and of 1 in both bands; they depend on the number of values only."""
    ranks = np.arange(1, num + 1) / (num + 1)
    bands = EmpiricalDistribution.confidence_bands(
        ranks, CONFIDENCE, a=0.0, b=1.0, method="ld_equal_tailed", n_jobs=1, generator=np.random.default_rng(0)
    )
    places = [0.0, *ranks, 1.0]
    lower, _, upper = bands
    return tuple(_weights(lower, places)), tuple(_weights(upper, places))


def _weights(band: EmpiricalDistribution, places: Sequence[float]) -> list[float]:
    return [max(0.0, float(step)) for step in np.diff([0.0, *(float(band.cdf(place)) for place in places)])]


def _with_weights(values: np.ndarray, weights: Sequence[float]) -> EmpiricalDistribution:
    return EmpiricalDistribution([0.0, *values, 1.0], ws=np.array(weights) / sum(weights), a=0.0, b=1.0)
