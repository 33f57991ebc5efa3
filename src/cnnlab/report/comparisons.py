"""Which configurations differ, in which metric, by how much, and which cannot be told apart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from cnnlab.report.inference.differences import (
    ALPHA,
    Estimate,
    detectable_difference,
    holm,
    interval,
    needed_seeds,
    num_independent,
    p_of_difference,
    p_of_nonequivalence,
    paired_estimate,
    welch_estimate,
)
from cnnlab.report.inference.moderation import scatters_alike
from cnnlab.report.inference.stages import second_stage

Values = Mapping[int, float]  # seed to value
DEFAULT_MARGIN = 0.001  # 0.1 points of accuracy: what `needed_seeds` is for if the user states no margin


class Verdict(StrEnum):
    """What the seeds say of a difference."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"

    @property
    def tells_apart(self) -> bool:
        """Whether the two configurations differ."""
        return self in (Verdict.BETTER, Verdict.WORSE)


@dataclass(frozen=True)
class Comparison:
    """Two configurations.

    Attributes:
        first: The index of the one.
        second: The index of the other.
        is_paired: Whether they are compared seed by seed.
        seeds: The common seeds; of an unpaired comparison none.
        n: Seeds of a paired comparison; else of the configuration that has fewer.
        difference: Mean of the first less that of the second.
        error: Its standard error.
        low: Lower end of the 95 % interval of this difference alone.
        high: Its upper end.
        df: Degrees of freedom.
        p: Two-sided p value.
        p_adjusted: The same, for the whole family.
        p_equivalence: Of a difference as large as the margin; None without a margin.
        p_equivalence_adjusted: The same, for the whole family.
        detectable: The difference that would have been seen with 80 % power.
        needed_seeds: How many seeds each would show a difference of the margin.
        verdict: Of the first against the second.
        other_code: In what their code differs, such as `commit`, and at how many of the seeds.
    """

    first: int
    second: int
    is_paired: bool
    seeds: tuple[int, ...]
    n: int
    difference: float
    error: float
    low: float
    high: float
    df: float
    p: float
    p_adjusted: float
    p_equivalence: float | None
    p_equivalence_adjusted: float | None
    detectable: float
    needed_seeds: int
    verdict: Verdict
    other_code: Mapping[str, int] = field(default_factory=dict)


def compare(
    values: Sequence[Values],
    pairs: Sequence[tuple[int, int]],
    margin: float | None = None,
    first_stage: Collection[int] = (),
    family: int | None = None,
) -> list[Comparison]:
    """Compares configurations; pairs in which one has less than two seeds are left out.

    Args:
        values: Of each configuration, by seed; higher is better.
        pairs: Indices of the configurations to compare: the family.
        margin: A difference that does not matter, above 0, in the unit of the values.
        first_stage: The seeds whose variance decided on the number of all seeds; none if that was fixed.
        family: How many pairs these were chosen from after a look at the data; None if they are all.
    """
    common = {pair: sorted(values[pair[0]].keys() & values[pair[1]].keys()) for pair in pairs}
    paired = [pair for pair in pairs if len(common[pair]) >= 2]
    unpaired = [pair for pair in pairs if len(common[pair]) < 2 and all(len(values[index]) >= 2 for index in pair)]
    estimates = [
        *([_paired(values, [(pair, common[pair]) for pair in paired], first_stage)] if paired else []),
        *([_unpaired(values, unpaired)] if unpaired else []),
    ]
    if not estimates:
        return []
    estimate = Estimate(*(np.concatenate(parts) for parts in zip(*estimates, strict=True)))
    counts = np.array(
        [len(common[pair]) for pair in paired] + [min(len(values[index]) for index in pair) for pair in unpaired]
    )
    return _conclude([*paired, *unpaired], [*(common[pair] for pair in paired), *([] for _ in unpaired)],
                     counts, estimate, margin, len(paired) + len(unpaired) if family is None else family)  # fmt: skip


def groups(num: int, comparisons: Sequence[Comparison]) -> list[list[int]]:
    """The longest runs of neighbouring configurations of which no two are told apart.

    A configuration that was compared with no other belongs to none: nothing is known of it.

    Args:
        num: The number of configurations; they are 0, 1, … in the order in which they are shown.
        comparisons: Of them.
    """
    differ = {frozenset((each.first, each.second)) for each in comparisons if each.verdict.tells_apart}
    known = {index for each in comparisons for index in (each.first, each.second)}
    compared = [index for index in range(num) if index in known]
    found: list[list[int]] = []
    end = 0
    for start in range(len(compared)):
        longest = max(end, start + 1)
        while longest < len(compared) and not any(
            frozenset((compared[longest], index)) in differ for index in compared[start:longest]
        ):
            longest += 1
        if longest > end:
            found.append(compared[start:longest])
        end = longest
    return found


def _paired(
    values: Sequence[Values],
    pairs: Sequence[tuple[tuple[int, int], Sequence[int]]],
    first_stage: Collection[int],
) -> Estimate:
    """By all common seeds; the variance is the first stage's, where there was one with two seeds or more."""
    differences = [
        {seed: values[first][seed] - values[second][seed] for seed in seeds} for (first, second), seeds in pairs
    ]
    first = [{seed: each[seed] for seed in each if seed in first_stage} for each in differences]
    first = [early if len(early) >= 2 else every for early, every in zip(first, differences, strict=True)]
    samples = [np.array([*each.values()]) for each in first]
    estimate = paired_estimate(
        [each.mean() for each in samples],
        [each.var(ddof=1) for each in samples],
        [len(each) for each in samples],
        independent=num_independent(*zip(*(pair for pair, _ in pairs), strict=True)),
        pooled=_are_alike(values, [pair for pair, _ in pairs], first_stage),
    )
    means = [np.mean([*each.values()]) for each in differences]
    return second_stage(estimate, [len(each) for each in first], means, [len(each) for each in differences])


def _are_alike(values: Sequence[Values], pairs: Sequence[tuple[int, int]], first_stage: Collection[int]) -> list[bool]:
    """Whether a pair's variance says something about the others': not of a configuration that now and then diverges."""
    indices = sorted({index for pair in pairs for index in pair})
    early = [[value for seed, value in values[index].items() if seed in first_stage] for index in indices]
    samples = [np.array(each if len(each) >= 2 else [*values[index].values()])
               for index, each in zip(indices, early, strict=True)]  # fmt: skip
    alike = scatters_alike([each.var(ddof=1) for each in samples], [len(each) - 1 for each in samples])
    is_alike = dict(zip(indices, alike.tolist(), strict=True))
    return [is_alike[first] and is_alike[second] for first, second in pairs]


def _unpaired(values: Sequence[Values], pairs: Sequence[tuple[int, int]]) -> Estimate:
    samples = [[np.array([*values[index].values()]) for index in pair] for pair in pairs]
    return welch_estimate(
        [[each.mean() for each in pair] for pair in samples],
        [[each.var(ddof=1) for each in pair] for pair in samples],
        [[len(each) for each in pair] for pair in samples],
    )


def _conclude(
    pairs: Sequence[tuple[int, int]],
    seeds: Sequence[Sequence[int]],
    counts: np.ndarray,
    estimate: Estimate,
    margin: float | None,
    num: int,
) -> list[Comparison]:
    p = p_of_difference(estimate)
    adjusted = holm(p, num)
    equivalence = None if margin is None else p_of_nonequivalence(estimate, margin)
    equivalence_adjusted = None if equivalence is None else holm(equivalence, num)
    low, high = interval(estimate)
    detectable = detectable_difference(estimate, num)
    needed = needed_seeds(estimate, counts, num, DEFAULT_MARGIN if margin is None else margin)
    found = []
    for index, (first, second) in enumerate(pairs):
        p_equivalence = None if equivalence is None else float(equivalence[index])
        p_equivalence_adjusted = None if equivalence_adjusted is None else float(equivalence_adjusted[index])
        difference, p_adjusted = float(estimate.difference[index]), float(adjusted[index])
        found.append(
            Comparison(
                first=first,
                second=second,
                is_paired=len(seeds[index]) >= 2,
                seeds=tuple(seeds[index]),
                n=int(counts[index]),
                difference=difference,
                error=float(estimate.error[index]),
                low=float(low[index]),
                high=float(high[index]),
                df=float(estimate.df[index]),
                p=float(p[index]),
                p_adjusted=p_adjusted,
                p_equivalence=p_equivalence,
                p_equivalence_adjusted=p_equivalence_adjusted,
                detectable=float(detectable[index]),
                needed_seeds=int(needed[index]),
                verdict=_verdict(difference, p_adjusted, p_equivalence_adjusted),
            )
        )
    return found


def _verdict(difference: float, p: float, p_equivalence: float | None) -> Verdict:
    """Within the margin, even a difference that is sure does not matter."""
    if p_equivalence is not None and p_equivalence < ALPHA:
        return Verdict.EQUIVALENT
    if p < ALPHA:
        return Verdict.BETTER if difference > 0 else Verdict.WORSE
    return Verdict.UNDECIDED
