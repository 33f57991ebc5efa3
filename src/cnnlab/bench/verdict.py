"""Whether a loop that anybody could write is faster than ours, by more than the noise.

A rival is faster if the 95 % interval of its epoch over ours lies below 1, and the median below 0.98. The interval is
Student's t interval of the mean of the logarithms of the ratios, each of two epochs in the same repetition; the second
condition excludes a difference that is certain, but too small to matter.
"""

import math
from dataclasses import dataclass
from statistics import mean, median, stdev

from cnnlab.bench.measure import OURS, Measurement, Setting
from cnnlab.bench.rivals import KINDS

RIVALS = ("plain", *KINDS)
MARGIN = 0.02
MAX_LIGHTNING_COST = 0.05  # of a step of the bare loop
T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)  # Student's t, 1 to 10 degrees
RULE = f"faster means that the 95 % interval of the ratio is below 1, and the median below {1 - MARGIN}"


@dataclass(frozen=True)
class Comparison:
    """A rival's epoch over ours at a setting: the median of the repetitions, and the 95 % interval of the mean."""

    rival: str
    setting: Setting
    ratio: float
    lower: float
    upper: float

    @property
    def is_faster(self) -> bool:
        """Whether the rival is faster by more than the noise."""
        return self.upper < 1 and self.ratio < 1 - MARGIN


def compare(measurements: list[Measurement]) -> list[Comparison]:
    """Each rival that was measured against ours, at each setting."""
    seconds: dict[tuple[Setting, str], list[float]] = {}
    for each in measurements:
        seconds.setdefault((each.setting, each.contender), []).append(each.epoch.train_s + each.epoch.eval_s)
    return [
        _compare(name, setting, theirs, seconds[setting, OURS])
        for (setting, name), theirs in seconds.items()
        if name in RIVALS
    ]


def _compare(rival: str, setting: Setting, theirs: list[float], ours: list[float]) -> Comparison:
    ratios = [their / our for their, our in zip(theirs, ours, strict=True)]
    if len(ratios) < 2:
        return Comparison(rival, setting, ratios[0], 0.0, math.inf)
    logs = [math.log(ratio) for ratio in ratios]
    half = T_975[min(len(logs) - 1, len(T_975)) - 1] * stdev(logs) / math.sqrt(len(logs))
    return Comparison(rival, setting, median(ratios), math.exp(mean(logs) - half), math.exp(mean(logs) + half))


def conclude(comparisons: list[Comparison], names: dict[str, str]) -> tuple[int, str]:
    """The exit code, 1 if a rival is faster, and the verdict as a line.

    Args:
        comparisons: Those of all settings.
        names: The contenders' names for the reader.
    """
    faster = [each for each in comparisons if each.is_faster]
    if faster:
        return 1, "faster than cnnlab: " + "; ".join(_describe(each, names) for each in faster)
    closest = _describe(min(comparisons, key=lambda each: each.ratio), names)
    if all(math.isinf(each.upper) for each in comparisons):
        return 0, f"one repetition tells no noise, so there is no verdict; the closest is {closest}"
    return 0, f"no rival is faster than cnnlab; the closest is {closest}"


def _describe(comparison: Comparison, names: dict[str, str]) -> str:
    interval = "" if math.isinf(comparison.upper) else f", 95 % interval {comparison.lower:.2f}–{comparison.upper:.2f}"
    place = f"{names[comparison.rival]} at {comparison.setting}"
    return f"{place} ({comparison.ratio:.2f} times our epoch{interval})"


def lightning_costs(measurements: list[Measurement]) -> dict[Setting, float]:
    """What a step through Lightning takes more than one of the bare loop, of the latter, by setting: medians."""
    steps: dict[tuple[Setting, str], list[float]] = {}
    for each in measurements:
        steps.setdefault((each.setting, each.contender), []).append(each.epoch.train_s)
    settings = dict.fromkeys(each.setting for each in measurements)
    return {
        setting: median(
            ours / bare - 1 for ours, bare in zip(steps[setting, OURS], steps[setting, "bare"], strict=True)
        )
        for setting in settings
    }


def format_costs(costs: dict[Setting, float]) -> str:
    """A line: the cost at each setting, and whether all are within the limit."""
    each = ", ".join(f"{100 * cost:+.1f} % at {setting}" for setting, cost in costs.items())
    verdict = "under" if max(costs.values()) < MAX_LIGHTNING_COST else "not under"
    return f"Lightning's cost over the bare loop, a step: {each}; {verdict} {100 * MAX_LIGHTNING_COST:.0f} %"
