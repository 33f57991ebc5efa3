"""Figures and tables of a section, in every language."""

from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from cnnlab.lecture.page.languages import Pair, pair_of
from cnnlab.lecture.study import Shown
from cnnlab.report.messages import LANGUAGES
from cnnlab.report.page.figures import inline_svg

NAMELESS = "nameless"


def svg_pair(figures: Pair[Figure], name: str, caption_id: str) -> list[tuple[str, Markup]]:
    """A figure in each language, or once without one where both are the same.

    Args:
        figures: Drawn with the report's colours.
        name: Unique on the page.
        caption_id: Of the element that names it.

    Returns:
        Language, empty for both, and `<svg>`.
    """
    drawn = [_svg(figure, name, caption_id) for figure in figures]
    if drawn[0] == drawn[1]:
        return [("", drawn[0])]
    return [
        (language, _svg(figure, f"{name}-{language}", caption_id))
        for language, figure in zip(LANGUAGES, figures, strict=True)
    ]


def figure_views(section: str, shown: Pair[Shown], texts: Pair[Any]) -> list[dict[str, Any]]:
    """The section's figures, with captions.

    Args:
        section: Its name.
        shown: A `Shown` for each language.
        texts: The study's.
    """
    views = []
    for name in shown.en.figures:
        caption = pair_of(texts, "figures", name)
        figures, identity = Pair(*(each.figures[name] for each in shown)), f"{section}-{name}"
        views.append({"id": identity, "caption": caption, "svgs": svg_pair(figures, identity, f"{identity}-caption")})
    return views


def table_views(section: str, shown: Pair[Shown], texts: Pair[Any]) -> list[dict[str, Any]]:
    """The section's tables, with captions.

    Args:
        section: Its name.
        shown: A `Shown` for each language.
        texts: The study's.
    """
    views = []
    for name in shown.en.tables:
        caption = pair_of(texts, "tables", name)
        tables = [(language, own.tables[name]) for language, own in zip(LANGUAGES, shown, strict=True)]
        views.append({"id": f"{section}-{name}", "caption": caption, "tables": tables})
    return views


def _svg(figure: Figure, name: str, caption_id: str) -> Markup:
    svg = inline_svg(figure, name, NAMELESS)
    return Markup(svg.replace(f'aria-label="{NAMELESS}"', f'aria-labelledby="{caption_id}"', 1))
