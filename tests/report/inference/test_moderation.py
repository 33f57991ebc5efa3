"""Moderated variances, against ports of limma, scalar formulas, recovered truth and numbers computed by hand."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from scipy.special import polygamma

from cnnlab.report.inference.moderation import Prior, fit_prior, inverse_trigamma, moderate, scatters_alike

SPREAD = [0.0225, 0.1296, 0.0049, 0.0361, 0.4900, 0.0100, 0.0064, 0.0841]
ALIKE = [0.021, 0.018, 0.025, 0.022, 0.019, 0.0205]
MIXED = [0.0225, 0.1296, 0.0049, 0.0361, 0.4900, 0.0100]
MIXED_DF = [2, 4, 9, 4, 19, 4]


# What two independent ports of R's limma answer, pylimma 0.2.0 and limma-py 0.1.0: scale and df2 of fitFDist, and
# var.post of squeezeVar. They agree to 15 digits (limma-py refuses mixed degrees of freedom). Recorded, since one needs
# anndata and is under the GPL, and the other is too young to depend on.
LIMMA = [
    pytest.param(
        SPREAD,
        4,
        0.022523637385720895,
        1.8035074308624088,
        [
            0.022507345592523428,
            0.09632477498389738,
            0.01037675028637794,
            0.031880987419999486,
            0.34472628341201295,
            0.013891865971681462,
            0.011410607840878974,
            0.06496442916403264,
        ],
        id="spread",
    ),
    pytest.param(ALIKE, 4, 0.020916666666666667, math.inf, [0.020916666666666667] * 6, id="alike"),
    pytest.param([0.01, 1.0], 2, 0.027086746778783435, 0.7120999017852537, None, id="two"),
    pytest.param(MIXED, MIXED_DF, 0.024052292176823784, 1.7110800474620613, None, id="mixed df"),
]


@pytest.mark.parametrize(("variances", "df", "scale", "prior_df", "posterior"), LIMMA)
def test_prior_and_moderated_variances_are_those_of_limma(variances, df, scale, prior_df, posterior):
    prior = fit_prior(variances, df)
    assert prior.variance == pytest.approx(scale, rel=1e-9)
    assert prior.df == pytest.approx(prior_df, rel=1e-9)
    if posterior is not None:
        assert moderate(variances, df, prior).variance == pytest.approx(posterior, rel=1e-9)


def prior_by_smyth(variances: list[float], dfs: list[int]) -> tuple[float, float]:
    """Section 6.2 of Smyth 2004 as it is printed, number by number; the trigamma function is inverted by bisection."""
    num = len(variances)
    e = [
        mpmath.log(s2) - mpmath.digamma(mpmath.mpf(d) / 2) + mpmath.log(mpmath.mpf(d) / 2)
        for s2, d in zip(variances, dfs, strict=True)
    ]
    mean = sum(e) / num
    excess = sum(
        (x - mean) ** 2 * num / (num - 1) - mpmath.psi(1, mpmath.mpf(d) / 2) for x, d in zip(e, dfs, strict=True)
    )
    excess = float(excess / num)
    if excess <= 0:
        pooled = sum(s2 * d for s2, d in zip(variances, dfs, strict=True)) / sum(dfs)
        return pooled, math.inf
    half = math.exp(brentq(lambda log: float(mpmath.psi(1, mpmath.exp(log))) - excess, -30, 30, xtol=1e-14))
    return float(mpmath.exp(mean + mpmath.digamma(half) - mpmath.log(half))), 2 * half


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1e-6, 1e3), st.integers(1, 60)),
        min_size=2,
        max_size=12,
    )
)
def test_the_prior_is_that_of_the_printed_formulas(pairs):
    variances, dfs = [s2 for s2, _ in pairs], [d for _, d in pairs]
    assume(min(variances) > 2e-12 * max(variances))  # less counts as zero
    expected_variance, expected_df = prior_by_smyth(variances, dfs)
    prior = fit_prior(variances, dfs)
    if expected_df > 1e9:  # the excess is zero up to rounding
        assert prior.df > 1e8
        return
    assert prior.df == pytest.approx(expected_df, rel=1e-6)
    assert prior.variance == pytest.approx(expected_variance, rel=1e-6)


@settings(deadline=None)
@given(st.floats(-9, 9).map(lambda exponent: 10.0**exponent))
def test_inverse_trigamma_inverts_scipys_trigamma(x):
    assert inverse_trigamma(polygamma(1, x)) == pytest.approx(x, rel=1e-8)


@settings(deadline=None)
@given(st.lists(st.floats(1e-8, 1e8), min_size=1, max_size=20))
def test_inverse_trigamma_of_an_array_is_that_of_each_of_its_values(values):
    found = inverse_trigamma(values)
    assert polygamma(1, found) == pytest.approx(values, rel=1e-7)
    assert found == pytest.approx([float(inverse_trigamma(value)) for value in values], rel=1e-9)


@pytest.mark.parametrize("df", [2, 4, 9])
@pytest.mark.parametrize(("true_variance", "true_df"), [(0.02, 4.0), (0.02, 15.0), (7.0, 40.0)])
def test_the_prior_is_recovered_from_many_variances(df, true_variance, true_df):
    generator = np.random.default_rng(0)
    sigma2 = true_variance * true_df / generator.chisquare(true_df, 400_000)
    prior = fit_prior(sigma2 * generator.chisquare(df, 400_000) / df, df)
    assert prior.variance == pytest.approx(true_variance, rel=0.02)
    assert prior.df == pytest.approx(true_df, rel=0.1)


def test_t_statistics_with_moderated_variances_follow_t_with_the_degrees_of_freedom_that_are_stated():
    generator = np.random.default_rng(1)
    prior_df, df = 6.0, 4
    sigma = np.sqrt(0.02 * prior_df / generator.chisquare(prior_df, 200_000))
    values = sigma * generator.standard_normal((df + 1, 200_000))
    variances = values.var(axis=0, ddof=1)
    moderated = moderate(variances, df, fit_prior(variances, df))
    ratios = values.mean(axis=0) / np.sqrt(moderated.variance / (df + 1))
    for share in (0.5, 0.9, 0.99, 0.999):
        threshold = stats.t(prior_df + df).ppf(share)
        assert (ratios > threshold).mean() == pytest.approx(1 - share, rel=0.15)


def test_a_single_variance_borrows_nothing():
    prior = fit_prior([0.25], 4)
    assert prior.df == 0
    moderated = moderate([0.25], 4, prior)
    assert moderated.variance == pytest.approx([0.25])
    assert moderated.df == pytest.approx([4])


def test_equal_variances_have_an_infinite_prior_and_each_becomes_the_pooled_one():
    prior = fit_prior([0.04] * 5, 3)
    assert (prior.variance, prior.df) == (pytest.approx(0.04), math.inf)
    moderated = moderate([0.04] * 5, 3, prior)
    assert moderated.variance == pytest.approx([0.04] * 5)
    assert np.isinf(moderated.df).all()


def test_variances_that_differ_by_chance_only_are_pooled_by_their_degrees_of_freedom():
    prior = fit_prior([0.04, 0.05], [2, 8])
    assert (prior.variance, prior.df) == (pytest.approx((2 * 0.04 + 8 * 0.05) / 10), math.inf)


def test_zero_variances_are_no_part_of_the_prior_and_are_moderated_to_positive_ones():
    """limma raises them to 1e-5 of the median, which makes all variances look different, and power is lost."""
    prior = fit_prior([0.0, 0.0, 0.01, 0.02, 0.03], 4)
    assert prior == fit_prior([0.01, 0.02, 0.03], 4)
    moderated = moderate([0.0, 0.0, 0.01, 0.02, 0.03], 4, prior)
    assert (moderated.variance > 0).all()
    assert (np.diff(moderated.variance) >= 0).all()


def test_rounding_is_no_variance():
    """0.9841 − 0.9741 and 0.9842 − 0.9742 are not the same number in a computer."""
    rounding = np.var([0.9841 - 0.9741, 0.9842 - 0.9742, 0.9843 - 0.9743], ddof=1)
    assert rounding > 0
    assert fit_prior([rounding, 1e-6, 2e-6, 1.5e-6], 2) == fit_prior([1e-6, 2e-6, 1.5e-6], 2)


def test_a_single_variance_that_is_not_zero_lends_nothing():
    prior = fit_prior([0.0, 0.02, 0.0], 4)
    assert prior == (pytest.approx(0.02), 0)
    assert moderate([0.0, 0.02, 0.0], 4, prior).variance == pytest.approx([0, 0.02, 0])


def test_comparisons_that_are_not_pooled_are_no_part_of_the_prior():
    assert fit_prior([*ALIKE, 50.0], 4, [True] * 6 + [False]) == fit_prior(ALIKE, 4)
    several = fit_prior([[*SPREAD], [*SPREAD]], 4, [[True] * 8, [True] * 6 + [False] * 2])
    assert several.df == pytest.approx([float(fit_prior(SPREAD, 4).df), float(fit_prior(SPREAD[:6], 4).df)])


# --- which configurations scatter alike -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviations", "alike"),
    [
        ([0.1, 0.15, 0.2, 0.3], [True, True, True, True]),
        ([0.1, 0.15, 0.2, 1.6], [True, True, True, False]),  # the lower median of four
        ([0.1, 0.15, 0.2, 1.4], [True, True, True, True]),
        ([0.15, 0.15, 3.0], [True, True, False]),
        ([0.0, 0.0, 0.0, 0.1, 3.0], [True, True, True, True, False]),  # networks that learn nothing count for nothing
        ([0.0, 0.0, 0.0], [True, True, True]),
        ([0.1, 3.0], [True, False]),
        ([0.1], [True]),
    ],
)
def test_a_configuration_with_ten_times_the_typical_deviation_is_wild(deviations, alike):
    assert scatters_alike(np.square(deviations), 4).tolist() == alike


def test_with_less_than_five_seeds_no_configuration_is_called_wild():
    assert scatters_alike([0.01, 0.01, 9.0, 9.0], [4, 4, 3, 4]).tolist() == [True, True, True, False]


def test_each_sweep_has_its_own_wild_configurations():
    assert scatters_alike([[1.0, 1.0, 400.0], [400.0, 400.0, 1.0]], 9).tolist() == [[True, True, False], [True] * 3]


def test_variances_that_are_all_zero_are_no_error():
    prior = fit_prior([0.0] * 4, 4)
    assert prior.df == math.inf
    assert moderate([0.0] * 4, 4, prior).variance == pytest.approx([0.0] * 4)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.permutations(range(8)))
def test_the_unit_and_the_order_of_the_comparisons_do_not_matter(scale, order):
    reference = moderate(SPREAD, 4, fit_prior(SPREAD, 4))
    variances = scale * np.asarray(SPREAD)[order]
    moderated = moderate(variances, 4, fit_prior(variances, 4))
    assert moderated.variance == pytest.approx(scale * reference.variance[order], rel=1e-9)
    assert moderated.df == pytest.approx(reference.df, rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(1e-4, 1e4), min_size=2, max_size=20), st.integers(1, 30))
def test_a_moderated_variance_lies_between_its_own_and_the_priors(variances, df):
    prior = fit_prior(variances, df)
    moderated = moderate(variances, df, prior).variance
    low, high = np.minimum(variances, prior.variance), np.maximum(variances, prior.variance)
    assert ((moderated >= low * (1 - 1e-12)) & (moderated <= high * (1 + 1e-12))).all()


def test_sweeps_on_the_first_axis_do_not_mix():
    both = fit_prior([SPREAD[:6], ALIKE], 4)
    for index, variances in enumerate((SPREAD[:6], ALIKE)):
        alone = fit_prior(variances, 4)
        assert both.variance[index] == pytest.approx(alone.variance)
        assert both.df[index] == pytest.approx(alone.df)
        together = moderate([SPREAD[:6], ALIKE], 4, both).variance[index]
        assert together == pytest.approx(moderate(variances, 4, Prior(alone.variance, alone.df)).variance)
