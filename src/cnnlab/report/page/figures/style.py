"""How all figures of a report look, and what several of them need."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator, NullLocator

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
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
MARKERS = ("o", "s", "^", "D", "v", "P")
MAX_LINES = len(SERIES)  # in one pair of axes; more configurations get a pair of axes each

WIDE_INCHES, NARROW_INCHES = 9.4, 4.7  # for a desktop and for a phone
KOREAN = ("NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo")
MANY_EPOCHS = 11  # from here on not each has a tick
CHARACTER_INCHES = 0.078  # of DejaVu Sans at 9 points, on average

Draw = Callable[..., Figure | None]  # of the content, and of the width in inches if it is not wide


def styled(draw: Draw) -> Draw:
    """A figure's function under the report's style, on content that can be drawn.

    Args:
        draw: From report.json's content and a width in inches to a figure, or None if there is nothing to draw.
    """

    @functools.wraps(draw)
    def wrapped(content: Content, width_inches: float = WIDE_INCHES) -> Figure | None:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # the same figure whatever the user's matplotlibrc has
            matplotlib.rcParams.update(_style())
            return draw(Cleaned(cleaned(content)), width_inches)

    return wrapped


@functools.cache
def _style() -> dict[Any, Any]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {
        "font.family": ["DejaVu Sans", *(name for name in KOREAN if name in installed)],
        "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 9,
        "xtick.labelsize": 8.5, "ytick.labelsize": 8.5,
        "axes.formatter.useoffset": False,
        "axes.titley": 1.0,  # matplotlib's search for a free place takes a fifth of the drawing
        "text.parse_math": False,  # a $ in a name is a $
        "text.color": INK, "axes.labelcolor": MUTED, "axes.titlecolor": INK,
        "axes.edgecolor": FAINT, "axes.linewidth": 0.8, "axes.facecolor": "none", "figure.facecolor": "none",
        "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
        "grid.color": GRID, "grid.linewidth": 0.8,
        "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
        "ytick.alignment": "center", "xtick.major.size": 3, "ytick.major.size": 0,
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


def epoch_axis(axes: Axes, last: float, most: int = 5) -> None:
    """Ticks of an axis of epochs: each if they are few.

    Args:
        axes: Whose x axis it is.
        last: The last epoch.
        most: How many ticks there are at most if there are more epochs.
    """
    axes.xaxis.set_major_locator(MultipleLocator(1) if last < MANY_EPOCHS else MaxNLocator(most, integer=True))


def name_axes(figure: Figure, x: str, y: str, x_inches: float = 0.06) -> None:
    """What the axes of small multiples have in common: their names, once for all.

    Args:
        figure: With its final size.
        x: Quantity and unit of the horizontal axis.
        y: Quantity and unit of the vertical axis.
        x_inches: How far above the figure's lower edge the first stands.
    """
    width, height = figure.get_size_inches()
    figure.supxlabel(x, fontsize=9, color=MUTED, y=x_inches / height)
    figure.supylabel(y, fontsize=9, color=MUTED, x=0.06 / width)


def row_names(axes: Axes, names: Sequence[str], x: float, inches: float) -> None:
    """Names and numbers from 1 at the left of a list's rows, which are at y = 0, 1 and so on.

    Args:
        axes: Whose left edge it is.
        names: A row each.
        x: The left edge, in axes coordinates or data as `axes.get_yaxis_transform` has them.
        inches: How much of x an inch is.
    """
    across = axes.get_yaxis_transform()
    axes.set_yticks([])
    for y, name in enumerate(names):
        axes.text(x - 0.08 * inches, y, str(y + 1), transform=across, ha="right", va="center", color=MUTED)
        axes.text(x - 0.38 * inches, y, name, transform=across, ha="right", va="center", color=INK)


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


def panels(num: int, width_inches: float, height_inches: float = 1.5) -> tuple[Figure, list[Axes]]:
    """Small multiples: as many axes with common scales, two or four a row, room for a title above each.

    Args:
        num: How many.
        width_inches: Of the figure.
        height_inches: Of a pair of axes.
    """
    columns = min(num, 4 if width_inches > 6 else 2)
    rows = -(-num // columns)
    row_inches, bottom, top = height_inches + 0.32, 0.5, 0.05
    height = rows * row_inches + bottom + top
    figure = Figure(figsize=(width_inches, height))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.62 / width_inches, right=1 - 0.12 / width_inches, bottom=bottom / height,
        top=1 - (top + 0.27) / height, wspace=0.1, hspace=0.32 / height_inches,
    )  # fmt: skip
    for axes in grid.flat[num:]:
        axes.set_axis_off()
    for column in range(columns):  # the last axes of a column show its ticks
        row = (num - 1 - column) // columns
        grid[row, column].tick_params(labelbottom=True)
    return figure, list(grid.flat[:num])
