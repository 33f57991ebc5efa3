import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cnnlab.lecture.claims import Claim, ExactClaim, Expected, Verdict
from cnnlab.lecture.judge import family_size, judge, together

CLAIM = Claim("vanishes", Expected.LESS, margin=0.5, unit="decades", conditions=("deep", "shallow"))
EXACT = ExactClaim("counts", conditions=("layers", "network"))
SPREAD = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])


def verdicts(deep, shallow, claim=CLAIM):
    effects = {"vanishes": {"deep": deep + SPREAD, "shallow": shallow + SPREAD}}
    (judgement,) = judge([claim], effects, [claim])
    return judgement.verdict, [finding.verdict for finding in judgement.findings]


@pytest.mark.parametrize(
    ("deep", "shallow", "verdict", "each"),
    [
        (-2, -1, Verdict.SUPPORTED, [Verdict.SUPPORTED] * 2),
        (2, 1, Verdict.REFUTED, [Verdict.REFUTED] * 2),
        (0.1, -0.1, Verdict.NO_EFFECT, [Verdict.NO_EFFECT] * 2),
        (-2, 0, Verdict.DEPENDS, [Verdict.SUPPORTED, Verdict.NO_EFFECT]),
        (-2, 2, Verdict.DEPENDS, [Verdict.SUPPORTED, Verdict.REFUTED]),
        (-2, -0.5, Verdict.UNDECIDED, [Verdict.SUPPORTED, Verdict.UNDECIDED]),
        (-0.5, 0.5, Verdict.UNDECIDED, [Verdict.UNDECIDED] * 2),
    ],
)
def test_a_planted_effect_gives_its_verdict(deep, shallow, verdict, each):
    assert verdicts(deep, shallow) == (verdict, each)


def test_the_expected_sign_turns_the_verdict_around():
    opposite = Claim("vanishes", Expected.GREATER, 0.5, "decades", CLAIM.conditions)
    assert verdicts(-2, -1, opposite)[0] is Verdict.REFUTED
    assert verdicts(2, 1, opposite)[0] is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [
        (0.1, Verdict.SUPPORTED),
        (-0.1, Verdict.SUPPORTED),
        (2, Verdict.REFUTED),
        (-2, Verdict.REFUTED),
        (0.5, Verdict.UNDECIDED),
    ],
)
def test_a_claim_of_equality_is_supported_within_the_margin_and_refuted_on_either_side(effect, verdict):
    claim = Claim("vanishes", Expected.EQUAL, 0.5, "decades", ("deep",))
    ((finding,),) = [each.findings for each in judge([claim], {"vanishes": {"deep": effect + SPREAD}}, [claim])]
    assert finding.verdict is verdict
    assert finding.mean == pytest.approx(effect)  # its own sign
    assert family_size([claim]) == 1


def test_a_claim_of_equality_needs_a_margin():
    with pytest.raises(AssertionError):
        Claim("vanishes", Expected.EQUAL, 0.0, "decades", ("deep",))


def test_without_a_margin_nothing_is_no_effect():
    strict = Claim("vanishes", Expected.LESS, 0.0, "decades", CLAIM.conditions)
    assert verdicts(0, 0, strict)[0] is Verdict.UNDECIDED


def test_a_finding_has_the_lecture_s_sign_and_scipy_s_interval():
    values = [-1.0, -1.2, -1.1, -0.8]
    claim = Claim("vanishes", Expected.LESS, 0.5, "decades", ("deep",))
    ((finding,),) = [each.findings for each in judge([claim], {"vanishes": {"deep": values}}, [claim])]
    low, high = stats.t.interval(0.95, 3, -np.mean(values), stats.sem(values))
    assert (finding.mean, finding.low, finding.high) == pytest.approx((1.025, low, high))
    one_sided = stats.ttest_1samp(values, -0.5, alternative="less").pvalue
    assert finding.p_value == pytest.approx(2 * one_sided)  # the place within the margin has another side
    assert finding.num_seeds == 4


def test_more_claims_make_a_verdict_harder_even_if_they_are_not_measured():
    claim = Claim("vanishes", Expected.LESS, 0.5, "decades", ("deep",))
    others = [Claim(f"other{n}", Expected.LESS, 0.5, "decades", ("deep",)) for n in range(100)]
    effects = {"vanishes": {"deep": -0.55 + SPREAD}}
    assert judge([claim], effects, [claim])[0].verdict is Verdict.SUPPORTED
    assert judge([claim], effects, [claim, *others])[0].verdict is Verdict.UNDECIDED
    assert family_size([claim, *others, EXACT]) == 101


def test_an_exact_claim_holds_or_not():
    def verdict(layers, network):
        return judge([EXACT], {"counts": {"layers": [layers], "network": [network]}}, [EXACT])[0].verdict

    assert verdict(1, 1) is Verdict.SUPPORTED
    assert verdict(0, 0) is Verdict.REFUTED
    assert verdict(1, 0) is Verdict.DEPENDS


@pytest.mark.parametrize("values", [[1.0], [1.0, math.nan], [1.0, math.inf], []])
def test_effects_that_cannot_be_judged_are_refused(values):
    claim = Claim("vanishes", Expected.LESS, 0.5, "decades", ("deep",))
    with pytest.raises(ValueError, match="vanishes"):
        judge([claim], {"vanishes": {"deep": values}}, [claim])


def test_a_missing_effect_is_refused():
    with pytest.raises(ValueError, match="nothing was measured for 'shallow'"):
        judge([CLAIM], {"vanishes": {"deep": [1.0, 2.0]}}, [CLAIM])


@given(st.lists(st.sampled_from(Verdict), min_size=1))
def test_together_says_what_all_say_and_is_blind_to_order(each):
    each = [verdict for verdict in each if verdict is not Verdict.DEPENDS] or [Verdict.UNDECIDED]
    verdict = together(each)
    assert verdict is together(each[::-1])
    assert verdict is each[0] if len(set(each)) == 1 else verdict in (Verdict.DEPENDS, Verdict.UNDECIDED)


@settings(max_examples=20, deadline=None)
@given(true=st.sampled_from([-0.5, 0.0, 0.5]), seed=st.integers(0, 1000))
def test_false_verdicts_are_rare_at_the_margin_and_at_zero(true, seed):
    """At the margin every verdict is false; at 0, `supported` and `refuted` are."""
    claims = [Claim(f"c{n}", Expected.GREATER, 0.5, "points", ("all",)) for n in range(10)]
    generator = np.random.default_rng(seed)
    wrong = 0
    for _ in range(20):
        effects = {claim.name: {"all": generator.normal(true, 0.3, size=5)} for claim in claims}
        found = {each.verdict for each in judge(claims, effects, claims)} - {Verdict.UNDECIDED}
        wrong += bool(found - ({Verdict.NO_EFFECT} if true == 0 else set()))
    assert wrong <= 6  # of 20 with a risk of at most 5 %: more has a probability of 3e-5
