"""From effects over seeds to verdicts: one family of tests for all claims of the lecture."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnlab.lecture.claims import AnyClaim, Claim, ExactClaim, Expected, Verdict
from cnnlab.report.inference.differences import (
    ALPHA,
    Estimate,
    interval,
    p_of_difference,
    p_of_nonequivalence,
)

Effects = Mapping[str, Mapping[str, Sequence[float]]]  # claim, condition: one value for each seed (ExactClaim: 0 or 1)
ORDERED = (Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NO_EFFECT)  # effect above the margin, below it, within it
DECIDED = {  # what an effect in each of these three places means
    Expected.GREATER: ORDERED,
    Expected.LESS: ORDERED,  # of the effect with the other sign
    Expected.EQUAL: (Verdict.REFUTED, Verdict.REFUTED, Verdict.SUPPORTED),
}


class Finding(NamedTuple):
    """What is known of a claim under one condition.

    Attributes:
        condition: Its name.
        verdict: Without `DEPENDS`.
        num_seeds: Over how many seeds; 0 of an exact claim.
        mean: The mean effect; of an exact claim 1 if the check holds, else 0.
        low: The lower end of the 95 % t interval of the mean, for itself alone.
        high: Its upper end.
        p_value: Of the verdict, corrected for all claims and conditions; the smallest one of an undecided condition.
    """

    condition: str
    verdict: Verdict
    num_seeds: int
    mean: float
    low: float
    high: float
    p_value: float


class Judgement(NamedTuple):
    """The verdict on a claim.

    Attributes:
        claim: The claim.
        verdict: Of all conditions together.
        findings: Of each condition.
    """

    claim: AnyClaim
    verdict: Verdict
    findings: tuple[Finding, ...]


def judge(
    claims: Sequence[AnyClaim], effects: Effects, family: Sequence[AnyClaim], alpha: float = ALPHA
) -> list[Judgement]:
    """Judges claims, so that the risk of any false verdict among the whole family is at most `alpha`.

    The effect of a condition is beyond the margin in the lecture's direction (supported), beyond it in the other
    (refuted), or within it (no effect): three places, of which two have to be ruled out. This is the three-sided test:
    one-sided t tests over seeds at the level of the condition rule out the places beyond the margin, and that within
    it is ruled out by a two-sided test, on either side at half that level. The true place is one of the three, so that
    the risk of a false verdict on a condition is its level. All conditions of all claims share `alpha` equally
    (Bonferroni), which holds whatever their dependence; Holm's steps would not, as a condition with a verdict keeps a
    place that is true. A claim that an effect is zero is supported within the margin and refuted beyond it.

    Args:
        claims: Those that were measured.
        effects: Of each claim and condition, a value for each seed, at least two; of an exact claim one, 0 or 1.
        family: All of the lecture's claims, these among them: with fewer measured, a verdict is no easier to get.
        alpha: The risk of any false verdict.

    Raises:
        ValueError: If an effect is missing, not finite, or has one seed.

    Reference:
        J. J. Goeman, A. Solari and T. Stijnen, Three-sided hypothesis testing: simultaneous testing of superiority,
        equivalence and inferiority, 2010.
    """
    measured = [(claim, condition) for claim in claims if isinstance(claim, Claim) for condition in claim.conditions]
    num_conditions = family_size(family)
    findings = {
        (claim.name, condition): _finding(claim, condition, effects, num_conditions, alpha)
        for claim, condition in measured
    }
    judgements = []
    for claim in claims:
        if isinstance(claim, ExactClaim):
            found = tuple(_check(claim, condition, effects) for condition in claim.conditions)
        else:
            found = tuple(findings[claim.name, condition] for condition in claim.conditions)
        judgements.append(Judgement(claim, together([each.verdict for each in found]), found))
    return judgements


def family_size(family: Sequence[AnyClaim]) -> int:
    """How many conditions the claims have that are tested over seeds."""
    return sum(len(claim.conditions) for claim in family if isinstance(claim, Claim))


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several: theirs if they agree, `DEPENDS` if decided ones disagree, else `UNDECIDED`."""
    decided = {verdict for verdict in verdicts if verdict is not Verdict.UNDECIDED}
    if len(decided) > 1:
        return Verdict.DEPENDS
    return verdicts[0] if len(set(verdicts)) == 1 else Verdict.UNDECIDED


def _estimate(claim: Claim, condition: str, effects: Effects) -> Estimate:
    """Of the mean effect, with the sign that is positive if the lecture is right, where it claims one."""
    values = _values(claim, condition, effects)
    if len(values) < 2:
        raise ValueError(f"{claim.name}, {condition}: {len(values)} seeds are not allowed; it must be 2 or more")
    signed = -values if claim.expected is Expected.LESS else values
    num_seeds = len(signed)
    error = signed.std(ddof=1) / np.sqrt(num_seeds)
    return Estimate(np.asarray(signed.mean()), np.asarray(error), np.asarray(num_seeds - 1.0))


def _values(claim: AnyClaim, condition: str, effects: Effects) -> NDArray[np.float64]:
    try:
        values = np.asarray(effects[claim.name][condition], dtype=np.float64)
    except KeyError as error:
        raise ValueError(f"{claim.name}: nothing was measured for {error}") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{claim.name}, {condition}: {values.tolist()} are not allowed; effects must be finite")
    return values


def _p_values(estimate: Estimate, margin: float) -> list[float]:
    """Of the three verdicts, in the order of `ORDERED`: each the larger one of those of the two places to rule out."""
    above = _one_sided(estimate._replace(difference=estimate.difference - margin))
    below = _one_sided(estimate._replace(difference=-estimate.difference - margin))
    within = float(p_of_nonequivalence(estimate, margin)) if margin > 0 else 1.0
    return [2 * above, 2 * below, within]


def _one_sided(estimate: Estimate) -> float:
    """Of a difference of at most 0."""
    two_sided = float(p_of_difference(estimate))
    return two_sided / 2 if estimate.difference > 0 else 1 - two_sided / 2


def _finding(claim: Claim, condition: str, effects: Effects, num_conditions: int, alpha: float) -> Finding:
    estimate = _estimate(claim, condition, effects)
    p_values = _p_values(estimate, claim.margin)
    best = int(np.argmin(p_values))
    p_value = min(1.0, num_conditions * p_values[best])
    verdict = DECIDED[claim.expected][best] if p_value < alpha else Verdict.UNDECIDED
    low, high = interval(estimate)
    num_seeds = len(effects[claim.name][condition])
    return Finding(condition, verdict, num_seeds, float(estimate.difference), float(low), float(high), p_value)


def _check(claim: ExactClaim, condition: str, effects: Effects) -> Finding:
    holds = bool(_values(claim, condition, effects).all())
    verdict = Verdict.SUPPORTED if holds else Verdict.REFUTED
    return Finding(condition, verdict, 0, float(holds), float(holds), float(holds), 0.0)
