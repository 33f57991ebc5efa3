"""Variances of a few values each, shrunk towards a common one by empirical Bayes.

A variance of five values is a poor estimate. A sweep has many of them, and how much they differ, beyond what chance
explains, says how much each can borrow from the others. That makes the degrees of freedom of a test several times as
many, where a sweep has enough comparisons.

All functions take arrays whose last axis are the comparisons of a sweep; other axes are sweeps of their own.

Reference:
    G. K. Smyth, Linear models and empirical Bayes methods for assessing differential expression in microarray
    experiments, 2004, section 6.2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, polygamma

Array = NDArray[np.float64]
NOTHING = 1e-12  # of the largest variance: less is rounding of seeds that all end alike
WILD = 10.0  # times the typical standard deviation
FEWEST_DF = 4  # with which a configuration can be called wild: at three seeds too many are missed


class Prior(NamedTuple):
    """How the true variances are spread: s₀²·d₀/σ² has a χ² distribution with d₀ degrees of freedom.

    Attributes:
        variance: s₀², with the last axis reduced.
        df: d₀; infinite if the variances differ no more than by chance, and 0 if fewer than two of them are not zero.
    """

    variance: Array
    df: Array


class Moderated(NamedTuple):
    """Shrunken variances.

    Attributes:
        variance: One for each comparison.
        df: The degrees of freedom of each.
    """

    variance: Array
    df: Array


def fit_prior(variances: ArrayLike, df: ArrayLike, pooled: ArrayLike = True) -> Prior:
    """Estimates the spread of true variances from the moments of the logarithms of the sample variances.

    With z = log s² and e = z − ψ(d/2) + log(d/2), the mean of e estimates log s₀² − ψ(d₀/2) + log(d₀/2), and the
    variance of e exceeds the mean of ψ'(d/2) by ψ'(d₀/2). Variances of zero say nothing of the others and are left out,
    as of two networks that learn nothing at all.

    Args:
        variances: Sample variances, (…, comparisons).
        df: The degrees of freedom of each, at least 1; broadcast.
        pooled: Which comparisons take part; broadcast.
    """
    raw = np.asarray(variances, dtype=np.float64)
    used = np.broadcast_to(pooled, raw.shape) & (raw > NOTHING * raw.max(axis=-1, keepdims=True))
    used = used | ~used.any(axis=-1, keepdims=True)
    positive = np.maximum(raw, np.finfo(np.float64).tiny)  # has a logarithm
    half = np.asarray(df, dtype=np.float64) / 2
    num = used.sum(axis=-1)
    logs = np.log(positive) - digamma(half) + np.log(half)
    mean = logs.mean(axis=-1, where=used)
    squares = np.sum((logs - mean[..., np.newaxis]) ** 2, axis=-1, where=used)
    by_chance = np.broadcast_to(polygamma(1, half), raw.shape).mean(axis=-1, where=used)
    excess = squares / np.maximum(num - 1, 1) - by_chance
    differs = excess > 0
    prior_df = np.where(differs, 2 * inverse_trigamma(np.where(differs, excess, 1.0)), np.inf)
    shift = np.where(differs, digamma(np.where(differs, prior_df, 1.0) / 2) - np.log(prior_df / 2), 0.0)
    alike = np.average(positive, axis=-1, weights=half * used)  # better than the limit where they do not differ
    has_spread = num > 1
    variance = np.where(differs & has_spread, np.exp(mean + shift), alike)
    return Prior(variance, np.where(has_spread, prior_df, 0.0))


def scatters_alike(variances: ArrayLike, df: ArrayLike) -> NDArray[np.bool_]:
    """Which configurations' variances can be pooled with the others'.

    A configuration whose seeds diverge now and then would make all variances look different, and nothing would be
    borrowed any more. So one whose standard deviation is more than `WILD` times the typical one is left out, if it has
    `FEWEST_DF` degrees of freedom. The typical one is the median of those that are not zero.

    Args:
        variances: Sample variances over seeds, (…, configurations).
        df: The degrees of freedom of each; broadcast.
    """
    variances = np.asarray(variances, dtype=np.float64)
    is_something = variances > NOTHING * variances.max(axis=-1, keepdims=True)
    ascending = np.sort(np.where(is_something, variances, np.inf), axis=-1)
    middle = np.maximum(is_something.sum(axis=-1, keepdims=True) - 1, 0) // 2
    typical = np.take_along_axis(ascending, middle, axis=-1)
    alike: NDArray[np.bool_] = (variances <= WILD**2 * typical) | (np.asarray(df) < FEWEST_DF)
    return alike


def moderate(variances: ArrayLike, df: ArrayLike, prior: Prior) -> Moderated:
    """Shrinks each variance towards the prior's: (d₀·s₀² + d·s²)/(d₀ + d), with d₀ + d degrees of freedom.

    Args:
        variances: Sample variances, (…, comparisons).
        df: The degrees of freedom of each; broadcast.
        prior: Of the same comparisons, from `fit_prior`.
    """
    variances, df = np.asarray(variances, dtype=np.float64), np.asarray(df, dtype=np.float64)
    prior_variance, prior_df = (part[..., np.newaxis] for part in prior)
    share = np.where(np.isinf(prior_df), 1.0, prior_df / np.where(np.isinf(prior_df), 1.0, prior_df + df))
    moderated = share * prior_variance + (1 - share) * variances
    return Moderated(moderated, np.broadcast_to(prior_df + df, moderated.shape))


def inverse_trigamma(values: ArrayLike) -> Array:
    """The x with ψ'(x) = value, for each positive value.

    Newton's iteration on 1/ψ', which is convex and nearly linear, so that it converges from below.

    Reference:
        Smyth 2004, appendix.
    """
    values = np.asarray(values, dtype=np.float64)
    found: Array = 0.5 + 1 / values
    for _ in range(50):
        trigamma = polygamma(1, found)
        step = trigamma * (1 - trigamma / values) / polygamma(2, found)
        found = found + step
        if np.all(-step < 1e-10 * found):
            break
    return found
