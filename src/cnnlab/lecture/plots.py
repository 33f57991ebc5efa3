"""What several figures of the lecture draw: curves over seeds, and small pictures."""

from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from cnnlab.report.page.figures.style import BLUE, DASHES, FAINT, GRID, INK, MARKERS, SERIES

_PIXELS = LinearSegmentedColormap.from_list("pixels", [f"{BLUE}00", BLUE])  # on a light and on a dark ground


def draw_seeds(
    axes: Axes,
    x: Sequence[float],
    curves: Sequence[Sequence[float]],
    label: str,
    index: int,
    *,
    has_markers: bool = True,
) -> None:
    """The mean over seeds as a line, and the range of all seeds as a band.

    Args:
        axes: Where.
        x: Of each point.
        curves: One for each seed.
        label: For the legend.
        index: Which of the series' colours, dashes and markers.
        has_markers: Whether each point has one.
    """
    points = list(zip(*curves, strict=True))
    color = SERIES[index]
    axes.fill_between(x, [min(each) for each in points], [max(each) for each in points], color=color, alpha=0.15, lw=0)
    marker = MARKERS[index] if has_markers else None
    mean = [fmean(each) for each in points]
    axes.plot(x, mean, color=color, linestyle=DASHES[index], marker=marker, markersize=4, linewidth=1.6, label=label)
    axes.grid(axis="y", color=GRID)


def draw_pixels(axes: Axes, rows: Sequence[Sequence[float]], title: str = "", highest: float | None = None) -> None:
    """A picture, darker where its numbers are higher.

    Args:
        axes: Where.
        rows: From the top.
        title: Above it.
        highest: The number with the full colour; None for the highest one. The lowest, or 0 beside `highest`, has none.
    """
    lowest = 0.0 if highest is not None else None
    axes.imshow(rows, cmap=_PIXELS, vmin=lowest, vmax=highest, interpolation="none")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, color=INK, pad=4)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)


def percent(values: Sequence[float]) -> str:
    """The mean of fractions, in per cent, and their range if there are several."""
    mean = f"{100 * fmean(values):.2f} %"
    return mean if len(values) < 2 else f"{mean} ({100 * min(values):.2f}–{100 * max(values):.2f})"
