"""How all figures of a report look, and what several of them need."""

import functools
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from cnnlab.report.page.content import Cleaned, Content, cleaned

# a figure on the page has the CSS variable of each of these colours, so that it follows light and dark
INK, MUTED, GRID, FAINT, GROUND = "#1c2127", "#5a636e", "#e1e5ea", "#b4bcc6", "#fdfdfc"
BLUE, ORANGE, GREEN, PURPLE, BROWN = "#0b66a8", "#c2500a", "#0a7a5c", "#a03a7e", "#7a5c12"
VARIABLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", FAINT: "faint", GROUND: "ground",
    BLUE: "blue", ORANGE: "orange", GREEN: "green", PURPLE: "purple", BROWN: "brown",
}  # fmt: skip

# colour-blind safe (after Okabe and Ito), and apart in black and white by the dashes and markers beside them
SERIES = (BLUE, ORANGE, GREEN, PURPLE, INK, BROWN)
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
MAX_LINES = len(SERIES)  # in one pair of axes; more configurations get a pair of axes each

WIDTH_INCHES = 8.4
KOREAN = ("NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo")
CHARACTER_INCHES = 0.078  # of DejaVu Sans at 9 points, on average

Draw = Callable[[Content], Figure | None]


def styled(draw: Draw) -> Draw:
    """A figure's function under the report's style, on content that can be drawn.

    Args:
        draw: From report.json's content to a figure, or None if the content has nothing for it.
    """

    @functools.wraps(draw)
    def wrapped(content: Content) -> Figure | None:
        with matplotlib.rc_context(_style()):
            return draw(Cleaned(cleaned(content)))

    return wrapped


@functools.cache
def _style() -> dict[str, object]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        "font.family": ["DejaVu Sans", *(name for name in KOREAN if name in installed)],
        "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 9,
        "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
        "text.parse_math": False,  # a $ in a name is a $
        "text.color": INK, "axes.labelcolor": MUTED, "axes.titlecolor": INK,
        "axes.edgecolor": FAINT, "axes.linewidth": 0.8, "axes.facecolor": "none", "figure.facecolor": "none",
        "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
        "grid.color": GRID, "grid.linewidth": 0.8,
        "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
        "xtick.major.size": 3, "ytick.major.size": 0,
        "legend.frameon": False, "legend.handlelength": 3.2,
    }  # fmt: skip


def error_axis(axes: Axes, lowest: float, highest: float) -> None:
    """A logarithmic axis of errors in per cent, ticked with plain numbers.

    Args:
        axes: Whose y axis it is.
        lowest: The smallest error, per cent, positive.
        highest: The largest.
    """
    axes.set_yscale("log")
    axes.set_ylim(lowest / 1.15, highest * 1.15)
    decades = 10.0 ** np.arange(-3, 3)
    for mantissas in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, *np.arange(2, 10, 0.5))):
        ticks = [tick for tick in np.outer(decades, mantissas).ravel() if lowest / 1.15 <= tick <= highest * 1.15]
        if len(ticks) >= 4:
            break
    axes.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions moved as little as it takes to be `gap` apart, in the same order, within 0 and 1 if they fit.

    Args:
        positions: Between 0 and 1, in any order.
        gap: Between neighbours.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = [positions[index] for index in order]
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + gap)
    if moved and moved[-1] > 1:
        moved[-1] = 1.0
        for index in range(len(moved) - 2, -1, -1):
            moved[index] = min(moved[index], moved[index + 1] - gap)
    return [moved[order.index(index)] for index in range(len(positions))]


def panels(num: int, height_inches: float = 1.5, left_inches: float = 0.62) -> tuple[Figure, list[Axes]]:
    """Small multiples: as many axes with common scales, four a row, room for a title above each.

    Args:
        num: How many.
        height_inches: Of a pair of axes.
        left_inches: For the labels of the vertical axis.
    """
    columns = min(num, 4)
    rows = -(-num // columns)
    row_inches, bottom, top = height_inches + 0.32, 0.5, 0.05
    height = rows * row_inches + bottom + top
    figure = Figure(figsize=(WIDTH_INCHES, height))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=left_inches / WIDTH_INCHES, right=1 - 0.12 / WIDTH_INCHES, bottom=bottom / height,
        top=1 - (top + 0.27) / height, wspace=0.1, hspace=0.32 / height_inches,
    )  # fmt: skip
    for axes in grid.flat[num:]:
        axes.set_axis_off()
    for column in range(columns):  # the last axes of a column show its ticks
        row = (num - 1 - column) // columns
        grid[row, column].tick_params(labelbottom=True)
    return figure, list(grid.flat[:num])
