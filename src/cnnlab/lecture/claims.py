"""What the lecture claims, and the rule that judges each claim, declared before the data."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the measurements say of a claim, or of one of its conditions."""

    SUPPORTED = "supported"
    REFUTED = "refuted"  # the effect has the other sign, beyond the margin
    NO_EFFECT = "no_effect"  # whatever it is, it is within the margin
    DEPENDS = "depends"  # conditions disagree
    UNDECIDED = "undecided"


class Expected(StrEnum):
    """The sign of the effect that the lecture claims."""

    GREATER = "greater"
    LESS = "less"
    EQUAL = "equal"  # no sign: supported within the margin, refuted beyond it on either side


@dataclass(frozen=True)
class Claim:
    """A claim about a mean over seeds: an effect, such as a difference between two configurations of the same seed.

    Its words, and the rule in words, are in the study's texts under its name.

    Attributes:
        name: Unique among all claims, such as `sigmoid_vanishes`.
        expected: The sign of the effect that the lecture claims.
        margin: Effects within ± margin do not matter; in the unit of the effect, at least 0. With 0 no verdict says
            that there is no effect; a claim that expects `EQUAL` needs more than 0.
        unit: Of the effect: `points` (of accuracy, each 0.01), `fraction`, `decades` (a difference of log10), `nats` or
            `epochs`. Accuracies are stored as fractions, so that a margin of 0.1 points is 0.001.
        conditions: Under which it is measured, each with its own effect; they have names in the texts.
    """

    name: str
    expected: Expected
    margin: float
    unit: str
    conditions: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.margin > 0 or self.expected is not Expected.EQUAL


@dataclass(frozen=True)
class ExactClaim:
    """A claim that holds or does not, without chance: each condition is a check.

    Attributes:
        name: Unique among all claims.
        conditions: The checks; they have names in the texts.
    """

    name: str
    conditions: tuple[str, ...]


AnyClaim = Claim | ExactClaim
