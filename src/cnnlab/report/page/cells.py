"""What stands in a cell of a table, and what the cell is sorted by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import median_with_misses, shortened
from cnnlab.report.page.figures.grids import SIGNS
from cnnlab.report.sentences import points as points_text

INFINITE = float("inf")
MAX_NAME = 60  # characters of a name that shares its cell with another


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what sorts it (None is last), a word for its style, and its HTML if the text alone is none."""

    text: str
    value: float | str | None = None
    kind: str = ""
    html: Markup | None = None

    @property
    def sort_key(self) -> str:
        """The value as JavaScript reads it."""
        return "Infinity" if self.value == INFINITE else str(self.value)


def number(value: float | None, text: Callable[[float], str] = "{:,.10g}".format) -> Cell:
    """A number; a dash if it was not measured, ∞ for what never ended.

    Args:
        value: Any.
        text: How it is written.
    """
    if value is None:
        return Cell("–")
    return Cell("∞" if value == INFINITE else text(value), value)


def percent(value: float | None) -> Cell:
    """A fraction in per cent.

    Args:
        value: From 0 to 1.
    """
    return number(value, lambda value: f"{100 * value:.2f}")


def points(value: float | None, sign: bool = False) -> Cell:
    """A difference of fractions in points, each a hundredth.

    Args:
        value: From -1 to 1.
        sign: Whether what is positive has a plus.
    """
    return number(value, lambda value: points_text(value, sign=sign))


def interval(bounds: dict[str, Any] | None, sign: bool = False, value: Cell | None = None) -> Cell:
    """Two bounds in per cent or in points, after the value that they are about; sorted by it or by the lower bound.

    Args:
        bounds: `low` and `high`, fractions.
        sign: Whether what is positive has a plus.
        value: What they are about, if it stands in the same cell.
    """
    if not bounds or bounds["low"] is None or bounds["high"] is None:
        return value or Cell("–")
    low, high = (points_text(bounds[end], sign=sign) for end in ("low", "high"))
    if value:
        return Cell(f"{value.text} [{low}, {high}]", value.value)
    return Cell(f"[{low}, {high}]", bounds["low"])


def probability(value: float | None) -> Cell:
    """A p value.

    Args:
        value: From 0 to 1.
    """

    def text(value: float) -> str:
        return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"

    return number(value, text)


def median_time(times: list[float | None] | None, form: str) -> Cell:
    """The median of times, ∞ if most runs missed the target.

    Args:
        times: Of each run, None for a miss.
        form: A format, such as `"{:.1f}"`.
    """
    if not times:
        return Cell("–")
    median = median_with_misses(times)
    return number(INFINITE if median is None else median, form.format)


def name_cell(configuration: dict[str, Any]) -> Cell:
    """A configuration's name.

    Args:
        configuration: Of report.json.
    """
    return Cell(configuration["name"] or "–", kind="name")


def pair_cell(first: dict[str, Any], second: dict[str, Any], texts: Texts) -> Cell:
    """Two configurations that were compared, as a row's head; each name is isolated, whatever its direction.

    Args:
        first: Of report.json.
        second: The other.
        texts: In the page's language.
    """
    names = [configuration["name"] or "–" for configuration in (first, second)]
    shown = [Markup("<bdi>{}</bdi>").format(shortened(name, MAX_NAME)) for name in names]
    html = Markup(texts("cell.pair", first="{}", second="{}")).format(*shown)  # a text of ours
    return Cell(texts("cell.pair", first=names[0], second=names[1]), kind="name", html=html)


def verdict_cell(verdict: str, texts: Texts) -> Cell:
    """A verdict's sign and word.

    Args:
        verdict: `"better"`, `"worse"`, `"equivalent"` or `"undecided"`.
        texts: In the page's language.
    """
    return Cell(f"{SIGNS[verdict]} {texts(f'verdict.{verdict}')}", kind=verdict)


def group_letters(groups: list[int]) -> Cell:
    """A letter for each group, as compact letter displays have them: a to z, then a1 and so on.

    Args:
        groups: Their numbers.
    """
    letters = [chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "") for number in groups]
    return Cell(" ".join(letters) or "–")
