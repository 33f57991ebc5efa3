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
SMALLEST_SHARE = 1e-5  # of the median variance: the least that a variance counts as, so that it has a logarithm


class Prior(NamedTuple):
    """How the true variances are spread: s₀²·d₀/σ² has a χ² distribution with d₀ degrees of freedom.

    Attributes:
        variance: s₀², with the last axis reduced.
        df: d₀; infinite if the variances differ no more than by chance, and 0 if there are less than two of them.
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


def fit_prior(variances: ArrayLike, df: ArrayLike) -> Prior:
    """Estimates the spread of true variances from the moments of the logarithms of the sample variances.

    With z = log s² and e = z − ψ(d/2) + log(d/2), the mean of e estimates log s₀² − ψ(d₀/2) + log(d₀/2), and the
    variance of e exceeds the mean of ψ'(d/2) by ψ'(d₀/2).

    Args:
        variances: Sample variances, (…, comparisons).
        df: The degrees of freedom of each, at least 1; broadcast.
    """
    variances = _without_zeros(np.asarray(variances, dtype=np.float64))
    half = np.asarray(df, dtype=np.float64) / 2
    if variances.shape[-1] < 2:
        return Prior(variances.mean(axis=-1), np.zeros(variances.shape[:-1]))
    logs = np.log(variances) - digamma(half) + np.log(half)
    by_chance = np.broadcast_to(polygamma(1, half), variances.shape).mean(axis=-1)
    excess = logs.var(axis=-1, ddof=1) - by_chance
    differs = excess > 0
    prior_df = np.where(differs, 2 * inverse_trigamma(np.where(differs, excess, 1.0)), np.inf)
    shift = np.where(differs, digamma(np.where(differs, prior_df, 1.0) / 2) - np.log(prior_df / 2), 0.0)
    weights = np.broadcast_to(half, variances.shape)
    pooled = np.average(variances, axis=-1, weights=weights)  # better than the limit where they do not differ
    return Prior(np.where(differs, np.exp(logs.mean(axis=-1) + shift), pooled), prior_df)


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


def _without_zeros(variances: Array) -> Array:
    """Variances of which none is zero, as of seeds that all end in the same accuracy."""
    median, mean = (average(variances, axis=-1, keepdims=True) for average in (np.median, np.mean))
    typical = np.where(median > 0, median, mean)
    return np.maximum(variances, np.maximum(SMALLEST_SHARE * typical, np.finfo(np.float64).tiny))
