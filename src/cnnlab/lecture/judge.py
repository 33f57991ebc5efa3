"""From effects over seeds to verdicts: one family of tests for all claims of the lecture."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnlab.lecture.claims import AnyClaim, Claim, ExactClaim, Expected, Verdict
from cnnlab.report.inference.differences import (
    ALPHA,
    Estimate,
    holm,
    interval,
    p_of_difference,
    p_of_nonequivalence,
)

Effects = Mapping[str, Mapping[str, Sequence[float]]]  # claim, condition: one value for each seed (ExactClaim: 0 or 1)
ORDERED = (Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NO_EFFECT)  # effect above the margin, below it, within it
DECIDED = {  # what the rejection of each of a condition's null hypotheses means
    Expected.GREATER: ORDERED,
    Expected.LESS: ORDERED,  # of the effect with the other sign
    Expected.EQUAL: (Verdict.REFUTED, Verdict.REFUTED, Verdict.SUPPORTED),
}
NUM_HYPOTHESES = len(ORDERED)  # of a condition


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

    A condition can end in three ways, each the rejection of its own null hypothesis by a one-sided t test over seeds:
    supported (the effect is beyond the margin), refuted (beyond it with the other sign), no effect (within it, by two
    one-sided tests). A claim that an effect is zero is supported within the margin and refuted beyond it on either
    side: the same three tests. Holm's procedure goes over all three of all conditions of all claims.

    Args:
        claims: Those that were measured.
        effects: Of each claim and condition, a value for each seed, at least two; of an exact claim one, 0 or 1.
        family: All of the lecture's claims, these among them: with fewer measured, a verdict is no easier to get.
        alpha: The risk of any false verdict.

    Raises:
        ValueError: If an effect is missing, not finite, or has one seed.
    """
    measured = [(claim, condition) for claim in claims if isinstance(claim, Claim) for condition in claim.conditions]
    estimates = [_estimate(claim, condition, effects) for claim, condition in measured]
    p_values = [_p_values(claim, each) for (claim, _), each in zip(measured, estimates, strict=True)]
    adjusted = holm(np.array(p_values).ravel(), family_size(family)).reshape(-1, NUM_HYPOTHESES)
    findings = {
        (claim.name, condition): _finding(
            claim, condition, estimate, adjusted_p, len(effects[claim.name][condition]), alpha
        )
        for (claim, condition), estimate, adjusted_p in zip(measured, estimates, adjusted, strict=True)
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
    """How many null hypotheses the claims have that are tested over seeds."""
    return NUM_HYPOTHESES * sum(len(claim.conditions) for claim in family if isinstance(claim, Claim))


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


def _p_values(claim: Claim, estimate: Estimate) -> list[float]:
    """Of the three null hypotheses, in the order of `ORDERED`."""
    beyond = [
        _one_sided(estimate._replace(difference=estimate.difference - claim.margin)),
        _one_sided(estimate._replace(difference=-estimate.difference - claim.margin)),
    ]
    within = float(p_of_nonequivalence(estimate, claim.margin)) if claim.margin > 0 else 1.0
    return [*beyond, within]


def _one_sided(estimate: Estimate) -> float:
    """Of a difference of at most 0."""
    two_sided = float(p_of_difference(estimate))
    return two_sided / 2 if estimate.difference > 0 else 1 - two_sided / 2


def _finding(
    claim: Claim, condition: str, estimate: Estimate, p_values: NDArray[np.float64], num_seeds: int, alpha: float
) -> Finding:
    best = int(np.argmin(p_values))
    verdict = DECIDED[claim.expected][best] if p_values[best] < alpha else Verdict.UNDECIDED
    low, high = interval(estimate)
    mean = estimate.difference
    return Finding(condition, verdict, num_seeds, *map(float, (mean, low, high, p_values[best])))


def _check(claim: ExactClaim, condition: str, effects: Effects) -> Finding:
    holds = bool(_values(claim, condition, effects).all())
    verdict = Verdict.SUPPORTED if holds else Verdict.REFUTED
    return Finding(condition, verdict, 0, float(holds), float(holds), float(holds), 0.0)
