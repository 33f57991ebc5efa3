"""Intervals drawn against zero and the margin, of all conditions of a claim on one scale."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from cnnlab.lecture.claims import Expected
from cnnlab.lecture.page.numbers import tick_text

EDGE = 0.06  # of the width, free on either side
HEIGHT = 28
HALF = HEIGHT / 2


class Scale(NamedTuple):
    """From an effect to a share of the width."""

    low: float
    high: float

    def __call__(self, value: float) -> str:
        """A position, in per cent of the width.

        Args:
            value: An effect.
        """
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return f"{100 * (EDGE + share * (1 - 2 * EDGE)):.2f}%"


def scale_of(intervals: Sequence[tuple[float, float]], margin: float) -> Scale:
    """A scale that has all intervals, zero and the margin.

    Args:
        intervals: Each condition's.
        margin: At least 0.
    """
    low = min(-margin, *(low for low, _ in intervals))
    high = max(margin, *(high for _, high in intervals))
    return Scale(low, high) if high > low else Scale(low - 1, high + 1)


def draw_interval(low: float, mean: float, high: float, margin: float, expected: Expected, scale: Scale) -> Markup:
    """An interval as a line with its mean as a dot, on a ground that tells where the lecture expects it.

    Args:
        low: The interval's lower end.
        mean: Within.
        high: Its upper end.
        margin: Effects within it do not matter.
        expected: Where the lecture expects the effect: right of the margin, left of it, or within.
        scale: Of all conditions.
    """
    band = _band(margin, scale) + _expected(margin, expected, scale)
    line = (
        f'<line class="interval" x1="{scale(low)}" x2="{scale(high)}" y1="{HALF}" y2="{HALF}"/>'
        f'<circle class="mean" cx="{scale(mean)}" cy="{HALF}" r="4.5"/>'
    )
    return Markup(f'<svg class="plot" height="{HEIGHT}" aria-hidden="true">{band}{line}</svg>')


def draw_axis(scale: Scale, unit: str) -> Markup:
    """The numbers below the intervals.

    Args:
        scale: Of all conditions.
        unit: The claim's.
    """
    marks = "".join(
        f'<text x="{scale(tick)}" y="13">{tick_text(tick, unit)}</text>'
        f'<line class="tick" x1="{scale(tick)}" x2="{scale(tick)}" y1="0" y2="4"/>'
        for tick in ticks(scale, unit)
    )
    return Markup(f'<svg class="axis" height="18" aria-hidden="true">{marks}</svg>')


def ticks(scale: Scale, unit: str) -> list[float]:
    """Two to four round numbers, zero among them.

    Args:
        scale: Of all conditions.
        unit: Whole decades, if there is one.
    """
    span = scale.high - scale.low
    power = 10 ** math.floor(math.log10(span / 2))
    step = next(mantissa * power for mantissa in (5, 2, 1) if span / (mantissa * power) >= 2)
    if unit == "decades" and span >= 2:
        step = max(1, round(step))
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [step * index for index in range(first, last + 1)]


def _expected(margin: float, expected: Expected, scale: Scale) -> str:
    left, right = (float(scale(edge)[:-1]) for edge in (-margin, margin))
    ends = {Expected.GREATER: (right, 100.0), Expected.LESS: (0.0, left), Expected.EQUAL: (left, right)}
    start, end = ends[expected]
    return f'<rect class="expected" x="{start:.2f}%" width="{end - start:.2f}%" y="0" height="{HEIGHT}"/>'


def _band(margin: float, scale: Scale) -> str:
    zero = f'<line class="zero" x1="{scale(0)}" x2="{scale(0)}" y1="0" y2="{HEIGHT}"/>'
    if margin == 0:
        return zero
    width = float(scale(margin)[:-1]) - float(scale(-margin)[:-1])
    return f'<rect class="margin" x="{scale(-margin)}" width="{width:.2f}%" y="0" height="{HEIGHT}"/>{zero}'
