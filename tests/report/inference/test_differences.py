"""Tests, intervals and sample sizes, against scipy and statsmodels, by hand, and by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from cnnlab.report.inference.differences import (
    MOST_SEEDS,
    Estimate,
    all_pairs,
    detectable_difference,
    holm,
    interval,
    mean_interval,
    needed_seeds,
    num_independent,
    p_of_difference,
    p_of_nonequivalence,
    paired_estimate,
    welch_estimate,
)
from cnnlab.report.inference.simulation import EQUAL, Truth

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)
ACCURACIES = st.lists(st.integers(9000, 10_000).map(lambda right: right / 100), min_size=2, max_size=12)


def paired(first: np.ndarray, second: np.ndarray) -> Estimate:
    """The estimate of a single comparison."""
    differences = np.asarray(first) - np.asarray(second)
    return paired_estimate([differences.mean()], [differences.var(ddof=1)], len(differences), independent=1)


# --- one comparison: the ordinary tests -----------------------------------------------------------------------------


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 20])
def test_one_comparison_is_the_ordinary_paired_t_test(num_seeds):
    first, second = np.random.default_rng(num_seeds).standard_normal((2, num_seeds))
    estimate = paired(first, second)
    expected = stats.ttest_rel(first, second)
    assert estimate.df == pytest.approx([num_seeds - 1])
    assert p_of_difference(estimate) == pytest.approx([expected.pvalue], rel=1e-9)
    assert np.ravel(interval(estimate)) == pytest.approx(list(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_an_interval_excludes_zero_exactly_if_the_test_rejects_at_the_same_level(alpha):
    first, second = np.random.default_rng(0).standard_normal((2, 400, 5))
    differences = first - second + 0.8
    estimate = paired_estimate(differences.mean(-1), differences.var(-1, ddof=1), 5, independent=399)
    low, high = interval(estimate, alpha)
    excludes = (low > 0) | (high < 0)
    assert 0 < excludes.sum() < 400
    assert (excludes == (p_of_difference(estimate) < alpha)).all()


@pytest.mark.parametrize("margin", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("shift", [-0.4, 0.0, 0.9])
def test_equivalence_of_one_comparison_is_that_of_statsmodels(margin, shift):
    first, second = np.random.default_rng(3).standard_normal((2, 8))
    estimate = paired(first + shift, second)
    expected, _, _ = ttost_paired(first + shift, second, -margin, margin)
    assert p_of_nonequivalence(estimate, margin) == pytest.approx([expected], rel=1e-9)


@pytest.mark.parametrize(("num_first", "num_second"), [(5, 5), (3, 10), (2, 2), (30, 4)])
def test_welchs_test_is_scipys(num_first, num_second):
    generator = np.random.default_rng(num_first)
    first, second = generator.standard_normal(num_first) + 0.5, 3 * generator.standard_normal(num_second)
    groups = (first, second)
    estimate = welch_estimate(
        [group.mean() for group in groups], [group.var(ddof=1) for group in groups], [num_first, num_second]
    )
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert estimate.df == pytest.approx(expected.df)
    assert p_of_difference(estimate) == pytest.approx(expected.pvalue)
    assert interval(estimate) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_welch_without_any_spread_has_the_fewer_degrees_of_freedom_and_no_error():
    estimate = welch_estimate([[1.0, 1.0], [1.0, 2.0]], np.zeros((2, 2)), [[3, 5], [3, 5]])
    assert estimate.df == pytest.approx([2, 2])
    assert p_of_difference(estimate) == pytest.approx([1, 0])


@settings(deadline=None)
@given(ACCURACIES)
def test_the_interval_of_a_mean_is_scipys(accuracies):
    low, high = mean_interval(accuracies)
    if np.ptp(accuracies) == 0:
        assert (low, high) == (pytest.approx(accuracies[0]), pytest.approx(accuracies[0]))
        return
    expected = stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)
    assert (low, high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_intervals_of_means_keep_the_first_axes_and_a_single_seed_has_none():
    values = np.random.default_rng(0).standard_normal((4, 3, 6))
    low, high = mean_interval(values, alpha=0.1)
    assert low.shape == (4, 3)
    assert (low[2, 1], high[2, 1]) == pytest.approx(tuple(stats.ttest_1samp(values[2, 1], 0).confidence_interval(0.9)))
    assert np.isnan(mean_interval([[98.1], [98.2]])).all()


# --- many comparisons -----------------------------------------------------------------------------------------------


def test_all_pairs_are_in_the_order_of_the_configurations():
    first, second = all_pairs(4)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


@given(st.integers(2, 12), st.data())
def test_independent_comparisons_are_counted_as_box_does(num, data):
    """By the correlation matrix of the differences of independent values."""
    first, second = all_pairs(num)
    chosen = data.draw(st.lists(st.sampled_from(range(len(first))), min_size=1, unique=True))
    signs = np.zeros((len(chosen), num))
    signs[np.arange(len(chosen)), first[chosen]], signs[np.arange(len(chosen)), second[chosen]] = 1, -1
    correlation = signs @ signs.T / 2
    expected = len(chosen) ** 2 / (correlation**2).sum()
    assert num_independent(first[chosen], second[chosen]) == pytest.approx(expected)


def test_all_pairs_of_k_have_k_less_one_independent_ones_and_a_baseline_fewer_than_four():
    assert num_independent(*all_pairs(14)) == pytest.approx(13)
    assert num_independent(range(1, 14), [0] * 13) == pytest.approx(4 * 13 / 16)
    assert num_independent([3], [5]) == 1


def test_alike_variances_are_pooled_and_borrow_as_many_degrees_of_freedom_as_runs_are_independent():
    estimate = paired_estimate(np.zeros(15), np.full(15, 0.045), 5, independent=5)
    assert estimate.error == pytest.approx(np.full(15, np.sqrt(0.045 / 5)))
    assert estimate.df == pytest.approx(np.full(15, 0.75 * (6 - 1) * (5 - 1)))


def test_comparisons_over_different_numbers_of_seeds_have_errors_of_their_own():
    estimate = paired_estimate([0.1, 0.1, 0.1], [0.04, 0.04, 0.04], [4, 4, 16], independent=2)
    assert estimate.error == pytest.approx([0.1, 0.1, 0.05])
    assert estimate.df == pytest.approx(0.75 * np.array([6, 6, 30]))


def test_comparisons_that_are_not_pooled_have_an_ordinary_t_test_and_do_not_touch_the_others():
    variances, pooled = [0.02, 0.03, 0.04, 9.0, 8.0], [True] * 3 + [False] * 2
    estimate = paired_estimate(np.full(5, 0.2), variances, 5, independent=4, pooled=pooled)
    alone = paired_estimate(np.full(3, 0.2), variances[:3], 5, independent=4)
    assert estimate.error == pytest.approx([*alone.error, np.sqrt(9 / 5), np.sqrt(8 / 5)])
    assert estimate.df == pytest.approx([*alone.df, 4, 4])


def test_a_difference_without_any_spread_is_certain_and_none_is_none():
    estimate = paired_estimate([0.0, 0.01, -0.01], np.zeros(3), 5, independent=2)
    assert p_of_difference(estimate) == pytest.approx([1, 0, 0])
    assert p_of_nonequivalence(estimate, 0.005) == pytest.approx([0, 1, 1])
    assert np.ravel(interval(estimate)) == pytest.approx([0, 0.01, -0.01] * 2)


@pytest.mark.parametrize("p_values", [[0.2], [0.02, 0.01, 0.02], np.random.default_rng(0).random(91) ** 6])
def test_holms_p_values_are_those_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.data())
def test_comparisons_chosen_by_the_data_are_never_surer_than_in_their_whole_family(p_values, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(p_values))), min_size=1, unique=True))
    alone, whole = holm(np.array(p_values)[chosen], family=len(p_values)), holm(p_values)[chosen]
    assert np.all(whole[alone < 0.05] < 0.05)


@settings(deadline=None)
@given(P_VALUES)
def test_holms_p_values_are_in_the_order_of_the_p_values_and_never_smaller(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


@settings(deadline=None)
@given(P_VALUES.flatmap(lambda values: st.tuples(st.just(values), st.permutations(range(len(values))))))
def test_holm_does_not_care_about_the_order_of_the_comparisons(values_and_order):
    values, order = values_and_order
    assert holm(np.asarray(values)[order]) == pytest.approx(holm(values)[order])


def test_holm_corrects_each_sweep_alone():
    p_values = np.random.default_rng(0).random((5, 4, 7))
    assert holm(p_values)[3, 2] == pytest.approx(holm(p_values[3, 2]))


@settings(deadline=None)
@given(
    st.floats(-5, 5),
    st.floats(1e-3, 5),
    st.floats(1, 200),
    st.floats(1e-3, 3),
)
def test_equivalence_and_the_interval_agree(difference, error, df, margin):
    """Two one-sided tests at α reject if and only if the interval at 2α lies within the margin."""
    estimate = Estimate(np.array([difference]), np.array([error]), np.array([df]))
    p = p_of_nonequivalence(estimate, margin)[0]
    low, high = interval(estimate, alpha=0.1)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (-margin < low[0] and high[0] < margin)


# --- what would have been seen, and what would be needed -------------------------------------------------------------


def power_of(effect: float, num_configurations: int, num_seeds: int) -> float:
    """The share of verdicts for the better configuration among its comparisons, over simulated sweeps."""
    truth = Truth(EQUAL[:num_configurations], num_seeds=num_seeds, effect=effect)
    values = truth.draw(4_000, np.random.default_rng(5))
    first, second = all_pairs(num_configurations)
    differences = values[:, first] - values[:, second]
    estimate = paired_estimate(differences.mean(-1), differences.var(-1, ddof=1), num_seeds, num_configurations - 1)
    return float((holm(p_of_difference(estimate)) < 0.05)[:, first == 0].mean())


@pytest.mark.parametrize(("num_configurations", "num_seeds"), [(2, 5), (2, 20), (6, 5), (14, 3), (14, 5), (14, 10)])
def test_a_detectable_difference_is_found_four_times_out_of_five(num_configurations, num_seeds):
    values = Truth(EQUAL[:num_configurations], num_seeds=num_seeds).draw(500, np.random.default_rng(6))
    first, second = all_pairs(num_configurations)
    differences = values[:, first] - values[:, second]
    estimate = paired_estimate(differences.mean(-1), differences.var(-1, ddof=1), num_seeds, num_configurations - 1)
    # a detectable difference is as uncertain as its error: asked is whether it is right where that is the true one
    true = estimate._replace(error=np.full_like(estimate.error, 0.15 * np.sqrt(2 / num_seeds)))
    detectable = float(detectable_difference(true, len(first)).mean())
    assert 0.75 <= power_of(detectable, num_configurations, num_seeds) <= 0.85


def shows(estimate: Estimate, now: int, then: int, num_comparisons: int, difference: float) -> bool:
    """Whether `then` seeds show a difference, from the definition."""
    error = estimate.error * np.sqrt(now / then)
    df = np.maximum(estimate.df + then - now, 1)
    detectable = (stats.t.isf(0.025 / num_comparisons, df) + stats.t.isf(0.2, df)) * error
    return bool(detectable[0] <= difference)


@pytest.mark.parametrize("difference", [0.02, 0.1, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("num_comparisons", [1, 91])
def test_the_needed_seeds_show_the_difference_and_one_fewer_do_not(difference, num_comparisons):
    estimate = Estimate(np.array([0.1]), np.array([0.09]), np.array([20.0]))
    answer = int(needed_seeds(estimate, 5, num_comparisons, difference)[0])
    assert shows(estimate, 5, answer, num_comparisons, difference)
    assert answer == 2 or not shows(estimate, 5, answer - 1, num_comparisons, difference)


@settings(deadline=None)
@given(st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0.01, 1), st.integers(2, 30))
def test_a_smaller_difference_needs_no_fewer_seeds(one, other, error, now):
    estimate = Estimate(np.zeros(1), np.array([error]), np.array([now - 1.0]))
    smaller, larger = sorted((one, other))
    assert needed_seeds(estimate, now, 10, smaller)[0] >= needed_seeds(estimate, now, 10, larger)[0]


def test_more_comparisons_more_power_and_more_spread_need_more_seeds():
    estimate = Estimate(np.zeros(1), np.array([0.1]), np.array([20.0]))
    wider = estimate._replace(error=np.array([0.2]))
    usual = needed_seeds(estimate, 5, 10, 0.2)[0]
    assert usual < needed_seeds(estimate, 5, 100, 0.2)[0]
    assert usual < needed_seeds(estimate, 5, 10, 0.2, power=0.95)[0]
    assert usual < needed_seeds(wider, 5, 10, 0.2)[0]


def test_needed_seeds_end_at_two_and_at_the_most_that_are_worth_naming():
    estimate = Estimate(np.zeros(2), np.array([1e-9, 1e3]), np.array([4.0, 4.0]))
    assert needed_seeds(estimate, 5, 1, 0.1).tolist() == [2, MOST_SEEDS]


def test_each_comparison_has_its_own_needed_seeds():
    estimate = Estimate(np.zeros(3), np.array([0.05, 0.1, 0.2]), np.array([20.0, 20.0, 30.0]))
    together = needed_seeds(estimate, [5, 5, 8], 3, 0.15)
    for index, now in enumerate((5, 5, 8)):
        alone = Estimate(*(part[index : index + 1] for part in estimate))
        assert together[index] == needed_seeds(alone, now, 3, 0.15)[0]
