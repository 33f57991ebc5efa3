"""Tests and intervals of differences between configurations over seeds.

All functions take arrays whose last axis are the comparisons of a sweep; other axes are sweeps of their own.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cnnlab.report.inference.moderation import Array, fit_prior, moderate

ALPHA = 0.05  # the rate of false verdicts in a family of comparisons, and one minus the coverage of an interval
POWER = 0.8
SHARE_OF_DF = 0.75  # Box's ε of `sweep=optimizers` is 0.66; the least that keeps most of the power at few seeds
MOST_SEEDS = 100_000  # that are worth naming


class Estimate(NamedTuple):
    """Mean differences, with what a t test needs.

    Attributes:
        difference: The mean difference.
        error: Its standard error.
        df: Degrees of freedom of the standard error.
    """

    difference: Array
    error: Array
    df: Array


def all_pairs(num_configurations: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and the second configuration of every pair, in the order (0, 1), (0, 2), (0, 3) and so on."""
    return np.triu_indices(num_configurations, k=1)


def num_independent(first: ArrayLike, second: ArrayLike) -> float:
    """How many independent comparisons would know as much of the variance as these, which share configurations.

    m²/Σr², where r is the correlation between two differences: ½ if they share a configuration, and 0 if not, where
    all configurations scatter alike and independently. All pairs of k have k − 1, and k − 1 comparisons with one
    baseline 4(k − 1)/(k + 2), which is less than 4: the baseline's own noise is in all of them.

    Args:
        first: The first configuration of each comparison.
        second: Its second.

    Reference:
        G. E. P. Box, Some theorems on quadratic forms applied in the study of analysis of variance problems, I, 1954,
        theorem 3.1.
    """
    shares = np.bincount(np.concatenate([np.asarray(first), np.asarray(second)]))
    num = np.size(first)
    return float(num**2 / (num + (shares * (shares - 1)).sum() / 4))


def paired_estimate(
    differences: ArrayLike,
    variances: ArrayLike,
    num_seeds: ArrayLike,
    independent: float,
    pooled: ArrayLike = True,
) -> Estimate:
    """Mean differences over common seeds, with moderated variances.

    The comparisons share runs, so that all of them together have fewer degrees of freedom than n − 1 each: as many as
    `num_independent` comparisons, if the configurations scatter alike, and fewer otherwise. No test has more than
    `SHARE_OF_DF` of those, however alike the variances seem, nor less than the n − 1 of its own.

    Args:
        differences: Mean over seeds of the differences, (…, comparisons).
        variances: Sample variances of the differences over seeds.
        num_seeds: How many seeds a comparison has, at least 2; broadcast.
        independent: From `num_independent`.
        pooled: Which comparisons share their variances: those of two configurations that both `scatters_alike`; each
            other one has an ordinary t test. Broadcast.

    Reference:
        G. E. P. Box, Some theorems on quadratic forms applied in the study of analysis of variance problems, II, 1954:
        the share of the degrees of freedom that different variances leave.
    """
    num_seeds = np.asarray(num_seeds, dtype=np.float64)
    variances = np.asarray(variances, dtype=np.float64)
    own_df = num_seeds - 1
    moderated = moderate(variances, own_df, fit_prior(variances, own_df, pooled))
    variance = np.where(pooled, moderated.variance, variances)
    df = np.minimum(moderated.df, max(SHARE_OF_DF * independent, 1.0) * own_df)
    df = np.where(pooled, df, own_df)
    return Estimate(np.asarray(differences, dtype=np.float64), np.sqrt(variance / num_seeds), df)


def welch_estimate(means: ArrayLike, variances: ArrayLike, num_seeds: ArrayLike) -> Estimate:
    """Differences between two configurations without common seeds.

    Args:
        means: Mean over seeds of each configuration, (…, comparisons, 2).
        variances: Sample variances over seeds.
        num_seeds: How many seeds each configuration has, at least 2.

    Reference:
        B. L. Welch, The generalization of "Student's" problem when several different population variances are involved,
        1947.
    """
    means = np.asarray(means, dtype=np.float64)
    num_seeds = np.asarray(num_seeds, dtype=np.float64)
    squared = np.asarray(variances, dtype=np.float64) / num_seeds
    total = squared.sum(axis=-1)
    parts = (squared**2 / (num_seeds - 1)).sum(axis=-1)
    smallest = (num_seeds - 1).min(axis=-1)
    df = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), smallest)
    return Estimate(means[..., 0] - means[..., 1], np.sqrt(total), df)


def p_of_difference(estimate: Estimate) -> Array:
    """Two-sided p values of no difference."""
    return np.asarray(2 * stats.t.sf(np.abs(_ratio(estimate.difference, estimate.error)), estimate.df))


def p_of_nonequivalence(estimate: Estimate, margin: float) -> Array:
    """P values of a difference of at least the margin: the larger one of two one-sided tests.

    Args:
        estimate: Of the differences.
        margin: In the unit of the differences, above 0.

    Reference:
        D. J. Schuirmann, A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability, 1987.
    """
    distance = margin - np.abs(estimate.difference)
    return np.asarray(stats.t.sf(_ratio(distance, estimate.error), estimate.df))


def interval(estimate: Estimate, alpha: float = ALPHA) -> tuple[Array, Array]:
    """The two-sided t interval of each difference, for itself alone.

    Args:
        estimate: Of the differences.
        alpha: One minus the coverage.
    """
    half = stats.t.isf(alpha / 2, estimate.df) * estimate.error
    return estimate.difference - half, estimate.difference + half


def mean_interval(values: ArrayLike, alpha: float = ALPHA) -> tuple[Array, Array]:
    """The ordinary t interval of each configuration's mean over seeds, for itself alone.

    Args:
        values: (…, seeds).
        alpha: One minus the coverage.

    Returns:
        The lower and the upper ends, (…); nan for a single seed, which has no spread.
    """
    values = np.asarray(values, dtype=np.float64)
    num_seeds = values.shape[-1]
    mean = values.mean(axis=-1)
    if num_seeds < 2:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    error = values.std(axis=-1, ddof=1) / np.sqrt(num_seeds)
    return interval(Estimate(mean, error, np.asarray(num_seeds - 1.0)), alpha)


def holm(p_values: ArrayLike, family: int | None = None) -> Array:
    """P values for a family of comparisons, in which a false verdict is no likelier than in a single test.

    Args:
        p_values: (…, comparisons).
        family: How many comparisons the given ones were chosen from after a look at the data; None if they are all.
            As if the others had p values of 1, which rejects no more than Holm's procedure for all of them does.

    Reference:
        S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = p_values.argsort(axis=-1)
    ascending = np.take_along_axis(p_values, order, axis=-1)
    num = p_values.shape[-1]
    factors = np.arange(num, 0, -1) + (0 if family is None else family - num)
    adjusted = np.maximum.accumulate(np.minimum(1.0, ascending * factors), axis=-1)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=-1)
    return result


def detectable_difference(
    estimate: Estimate, num_comparisons: int, power: float = POWER, alpha: float = ALPHA
) -> Array:
    """The difference that these seeds would have shown with the given power, in a family of comparisons.

    (t₁ + t₂)·SE with t₁ the quantile of the level α/(2m), as for the first step of Holm's procedure, and t₂ that of the
    power: the usual approximation to the noncentral t distribution. It is as uncertain as the standard error: where
    that happens to be small, so is this, and the power is less.

    Args:
        estimate: Of the differences.
        num_comparisons: m, in the family.
        power: The probability of a verdict.
        alpha: The rate of false verdicts in the family.
    """
    return np.asarray(_quantiles(estimate.df, num_comparisons, power, alpha) * estimate.error)


def needed_seeds(
    estimate: Estimate, num_seeds: ArrayLike, num_comparisons: int, difference: float, power: float = POWER
) -> NDArray[np.int64]:
    """How many seeds each comparison would need to show a difference, if its variance is the one estimated here.

    Every seed more is a degree of freedom more.

    Args:
        estimate: Of the differences.
        num_seeds: Of each comparison now; broadcast.
        num_comparisons: In the family.
        difference: To be shown, above 0.
        power: The probability of a verdict.

    Returns:
        At least 2, at most `MOST_SEEDS`.
    """
    now = np.broadcast_to(np.asarray(num_seeds, dtype=np.float64), estimate.error.shape)
    deviation = estimate.error * np.sqrt(now)
    too_few, enough = np.full(deviation.shape, 1), np.full(deviation.shape, MOST_SEEDS)
    while np.any(enough - too_few > 1):  # bisection
        middle = (too_few + enough) // 2
        df = np.maximum(estimate.df + middle - now, 1.0)
        shows = _quantiles(df, num_comparisons, power) * deviation <= difference * np.sqrt(middle)
        shows &= middle > 1  # a comparison that is done waits here for the others
        too_few, enough = np.where(shows, too_few, middle), np.where(shows, middle, enough)
    return enough


def _quantiles(df: Array, num_comparisons: int, power: float, alpha: float = ALPHA) -> Array:
    return np.asarray(stats.t.isf(alpha / (2 * num_comparisons), df) + stats.t.isf(1 - power, df))


def _ratio(difference: Array, error: Array) -> Array:
    """A t statistic; with no error at all, infinite unless the difference is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(difference / error, nan=0.0, posinf=np.inf, neginf=-np.inf)
