"""Two stages keep the rate of false verdicts; looking until it is significant does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cnnlab.report.inference.differences import (
    MOST_SEEDS,
    Estimate,
    all_pairs,
    holm,
    interval,
    p_of_difference,
    paired_estimate,
)
from cnnlab.report.inference.simulation import EQUAL, Truth
from cnnlab.report.inference.stages import second_stage, total_seeds

REPETITIONS = 20_000
LOOKS = (5, 10, 15, 20)


def ordinary(values: np.ndarray) -> Estimate:
    """The t test of each row, (sweeps, seeds), as of a single comparison each."""
    num_seeds = values.shape[-1]
    means, variances = values.mean(axis=-1, keepdims=True), values.var(axis=-1, ddof=1, keepdims=True)
    return paired_estimate(means, variances, num_seeds, independent=1)


def two_stages(true: float, first_seeds: int, difference: float) -> tuple[Estimate, np.ndarray]:
    """Stein's procedure on simulated differences with a standard deviation of 1, and the numbers of seeds."""
    generator = np.random.default_rng(0)
    values = true + generator.standard_normal((REPETITIONS, first_seeds))
    first = ordinary(values)
    total = total_seeds(first, first_seeds, 1, difference)
    more = total - first_seeds
    of_more = more * true + np.sqrt(more) * generator.standard_normal(total.shape)
    means = (values.sum(axis=-1, keepdims=True) + of_more) / total
    return second_stage(first, first_seeds, means, total), total


def test_looking_at_5_10_15_and_20_seeds_until_it_is_significant_is_wrong():
    values = np.random.default_rng(0).standard_normal((REPETITIONS, 20))
    significant = [p_of_difference(ordinary(values[:, :seeds])) < 0.05 for seeds in LOOKS]
    assert significant[-1].mean() == pytest.approx(0.05, abs=0.006)  # a fixed number of seeds
    assert np.any(significant, axis=0).mean() == pytest.approx(0.13, abs=0.01)


@pytest.mark.parametrize("first_seeds", [3, 5])
def test_two_stages_keep_the_rate_of_false_verdicts_and_the_coverage(first_seeds):
    estimate, total = two_stages(0.0, first_seeds, difference=1.2)
    assert len(np.unique(total)) > 10  # the second stage differs from sweep to sweep
    assert (p_of_difference(estimate) < 0.05).mean() == pytest.approx(0.05, abs=0.006)
    low, high = interval(estimate)
    assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(0.95, abs=0.006)


def test_the_variance_of_both_stages_would_not_keep_it():
    """Why `second_stage` does not estimate it anew: a first stage with little spread is left as it is."""
    generator = np.random.default_rng(0)
    values = generator.standard_normal((REPETITIONS, 60))
    total = np.minimum(total_seeds(ordinary(values[:, :3]), 3, 1, 2.0), 60)[:, 0]
    anew = np.empty(REPETITIONS)
    for seeds in np.unique(total):
        rows = total == seeds
        anew[rows] = stats.ttest_1samp(values[rows, :seeds], 0, axis=-1).pvalue
    assert (anew < 0.05).mean() > 0.057


@pytest.mark.parametrize("difference", [0.5, 0.8])
def test_two_stages_find_the_difference_with_the_power_that_was_asked_for(difference):
    estimate, _ = two_stages(difference, 5, difference)
    found = (p_of_difference(estimate) < 0.05) & (estimate.difference > 0)
    assert 0.78 <= found.mean() <= 0.86


def test_a_family_of_moderated_comparisons_in_two_stages_keeps_it_too():
    generator = np.random.default_rng(3)
    first_seeds, num = 5, len(EQUAL)
    values = Truth(num_seeds=first_seeds).draw(5_000, generator)
    pairs = all_pairs(num)
    differences = values[:, pairs[0]] - values[:, pairs[1]]
    first = paired_estimate(differences.mean(-1), differences.var(-1, ddof=1), first_seeds, num - 1)
    total = total_seeds(first, first_seeds, len(pairs[0]), 0.3).max(axis=-1, keepdims=True)  # of all configurations
    more = total - first_seeds
    sums = values.sum(axis=-1) + 0.15 * np.sqrt(more) * generator.standard_normal((5_000, num))
    means = sums / total
    estimate = second_stage(first, first_seeds, means[:, pairs[0]] - means[:, pairs[1]], total)
    assert (holm(p_of_difference(estimate)) < 0.05).any(axis=-1).mean() <= 0.05


@settings(deadline=None)
@given(st.floats(0.01, 2), st.integers(2, 20), st.integers(1, 91), st.floats(0.02, 3))
def test_the_total_shows_the_difference_and_one_seed_fewer_does_not(error, first_seeds, num_comparisons, difference):
    first = Estimate(np.zeros(1), np.array([error]), np.array([first_seeds - 1.0]))
    total = int(total_seeds(first, first_seeds, num_comparisons, difference)[0])
    needed = stats.t.isf(0.025 / num_comparisons, first_seeds - 1) + stats.t.isf(0.2, first_seeds - 1)

    def detectable(seeds: int) -> float:
        return float(needed * error * np.sqrt(first_seeds / seeds))

    assert first_seeds <= total <= MOST_SEEDS
    assert total == MOST_SEEDS or detectable(total) <= difference * (1 + 1e-6)
    assert total == first_seeds or detectable(total - 1) > difference * (1 - 1e-6)


def test_the_total_by_hand():
    first = Estimate(np.zeros(2), np.array([0.1, 0.01]), np.array([4.0, 4.0]))
    factor = 2.7764451 + 0.9409646  # quantiles of t with 4 degrees of freedom: 0.975 and 0.8
    expected = int(np.ceil(5 * (factor * 0.1 / 0.2) ** 2))
    assert total_seeds(first, 5, 1, 0.2).tolist() == [expected, 5]


def test_the_second_stage_shrinks_the_error_and_keeps_the_degrees_of_freedom():
    first = Estimate(np.array([0.5]), np.array([0.1]), np.array([7.0]))
    second = second_stage(first, 5, [0.3], [20])
    assert second == (pytest.approx([0.3]), pytest.approx([0.05]), pytest.approx([7.0]))
