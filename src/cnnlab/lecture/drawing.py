"""Figures of the lecture in the report's style."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import styled

Draw = Callable[[Content, float], Figure]  # of what was measured, with the words under `words`, and a width in inches


def drawn(draw: Draw, data: dict[str, Any], words: Words) -> Figure:
    """A figure, drawn in the report's style at its width.

    Args:
        draw: Which.
        data: What was measured.
        words: Of a language.
    """
    figure = styled(draw)({**data, "words": words})
    assert figure is not None
    return figure
