"""Verdicts on configurations, from made-up accuracies."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cnnlab.report.comparisons import Comparison, Verdict, compare, groups

ALL_OF_THREE = [(0, 1), (0, 2), (1, 2)]


def accuracies(*rows: list[float]) -> list[dict[int, float]]:
    return [dict(enumerate(row)) for row in rows]


def test_two_configurations_are_an_ordinary_paired_t_test():
    first, second = [0.97, 0.975, 0.98, 0.972], [0.96, 0.968, 0.965, 0.966]
    (found,) = compare(accuracies(first, second), [(0, 1)])
    expected = stats.ttest_rel(first, second)
    interval = expected.confidence_interval(0.95)
    assert (found.is_paired, found.n, found.seeds, found.df) == (True, 4, (0, 1, 2, 3), 3)
    assert found.p == found.p_adjusted == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.verdict is Verdict.BETTER


def test_the_order_of_a_pair_only_turns_the_verdict():
    values = accuracies([0.97, 0.975, 0.98], [0.90, 0.905, 0.91])
    (one,), (other,) = compare(values, [(0, 1)]), compare(values, [(1, 0)])
    assert (one.verdict, other.verdict) == (Verdict.BETTER, Verdict.WORSE)
    assert (one.difference, one.low, one.p) == pytest.approx((-other.difference, -other.high, other.p))


def test_only_common_seeds_are_compared():
    values = [{0: 0.9, 1: 0.91, 2: 0.92, 7: 0.5}, {0: 0.8, 1: 0.82, 2: 0.81, 8: 0.99}]
    (found,) = compare(values, [(0, 1)])
    assert found.seeds == (0, 1, 2)
    assert found.difference == pytest.approx(0.1)


def test_without_common_seeds_it_is_welchs_test():
    first, second = {0: 0.97, 1: 0.975, 2: 0.98}, {5: 0.96, 6: 0.968}
    (found,) = compare([first, second], [(0, 1)])
    expected = stats.ttest_ind([*first.values()], [*second.values()], equal_var=False)
    assert (found.is_paired, found.n, found.seeds) == (False, 2, ())
    assert (found.p, found.df) == pytest.approx((expected.pvalue, expected.df))


def test_one_seed_says_nothing():
    assert compare(accuracies([0.9], [0.8]), [(0, 1)]) == []


def test_not_significant_is_undecided_and_never_equivalent_without_a_margin():
    values = accuracies([0.970, 0.975, 0.971], [0.971, 0.973, 0.972])
    (found,) = compare(values, [(0, 1)])
    assert found.verdict is Verdict.UNDECIDED
    assert found.p_equivalence is None
    assert found.low < 0 < found.high
    assert found.detectable > found.high


def test_within_the_users_margin_they_are_equivalent_even_if_the_difference_is_sure():
    values = accuracies([0.9701, 0.9751, 0.9711, 0.9731], [0.9700, 0.9750, 0.9710, 0.9730])
    (without,), (within,) = compare(values, [(0, 1)]), compare(values, [(0, 1)], margin=0.001)
    assert without.verdict is Verdict.BETTER
    assert within.verdict is Verdict.EQUIVALENT
    (beyond,) = compare(values, [(0, 1)], margin=0.00005)
    assert beyond.verdict is Verdict.BETTER


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000))
def test_more_comparisons_make_no_verdict_surer(seed: int):
    values = accuracies(*np.random.default_rng(seed).normal(0.97, 0.002, (3, 5)).tolist())
    for each in compare(values, ALL_OF_THREE):
        assert each.p <= each.p_adjusted <= 1
        assert each.low <= each.difference <= each.high


def compared(num: int, *differing: tuple[int, int]) -> list[Comparison]:
    """All pairs of some configurations, of which some differ."""
    blank = {name: 0 for name in Comparison.__dataclass_fields__ if name not in ("first", "second", "verdict")}
    return [
        Comparison(first, second, verdict=Verdict.WORSE if (first, second) in differing else Verdict.UNDECIDED, **blank)  # type: ignore[arg-type]
        for first, second in combinations(range(num), 2)
    ]


@pytest.mark.parametrize(
    ("num", "pairs", "expected"),
    [
        (3, [], [[0, 1, 2]]),
        (3, [(0, 1), (0, 2), (1, 2)], [[0], [1], [2]]),
        (3, [(0, 2)], [[0, 1], [1, 2]]),
        (4, [(0, 3), (1, 3)], [[0, 1, 2], [2, 3]]),
        (4, [(0, 1), (0, 2), (0, 3)], [[0], [1, 2, 3]]),
        (0, [], []),
    ],
)
def test_brackets_hold_neighbours_of_which_no_two_differ(
    num: int, pairs: list[tuple[int, int]], expected: list[list[int]]
):
    assert groups(num, compared(num, *pairs)) == expected


def test_a_configuration_that_was_not_compared_is_in_no_bracket():
    pairs = [each for each in compared(4, (0, 3)) if 1 not in (each.first, each.second)]
    assert groups(4, pairs) == [[0, 2], [2, 3]]
