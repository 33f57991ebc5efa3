"""Learning curves: the median over seeds as a line, lowest to highest as a band, for each configuration."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, short_names
from cnnlab.report.page.figures.style import (
    BLUE,
    DASHES,
    FAINT,
    INK,
    MARKERS,
    MAX_LINES,
    SERIES,
    epoch_axis,
    error_axis,
    name_axes,
    panels,
    spread,
    styled,
)

Against = Literal["epochs", "seconds"]
MAX_PANELS = 24
MAX_BEHIND = 16  # curves in grey behind each
LEAST_ERROR = 0.01  # per cent: a single image of 10,000, where a logarithmic axis has to end


@dataclass(frozen=True)
class Curve:
    """A configuration's curve: x of shape (T,), errors in per cent of shape (T,), NaN where nothing was measured."""

    label: str
    x: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curves_of(content: Content, against: Against) -> tuple[str, list[Curve]]:
    """The curves of one split, validation if there are any, in the list's order, `MAX_PANELS` at most.

    Args:
        content: report.json's.
        against: The horizontal axis.

    Returns:
        The split and its curves.
    """
    curves = content["curves"] or []
    split = next((split for split in ("val", "test", "train") if any(c["split"] == split for c in curves)), "val")
    by_id = {curve["configuration"]: curve for curve in curves if curve["split"] == split and curve[against]}
    names = short_names(content, 26)
    drawn: list[Curve] = []
    for configuration in content["configurations"]:
        curve = by_id.get(configuration["id"])
        if curve and len(drawn) < MAX_PANELS:
            x = np.array(curve[against], dtype=float)
            median, best, worst = (errors_of(curve[key], len(x)) for key in ("median", "high", "low"))
            if np.isfinite(x * median).sum() > 1:  # a single epoch is no curve
                drawn.append(Curve(names[configuration["id"]], x, median, best, worst))
    return split, drawn


@styled
def draw_curves_by_epoch(content: Content, width_inches: float) -> Figure | None:
    """Error by epoch: one pair of axes for a few configurations, small multiples for many.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    return _draw_curves(content, "epochs", width_inches)


@styled
def draw_curves_by_second(content: Content, width_inches: float) -> Figure | None:
    """Error by seconds of training: one pair of axes for a few configurations, small multiples for many.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    return _draw_curves(content, "seconds", width_inches)


def _draw_curves(content: Content, against: Against, width_inches: float) -> Figure | None:
    split, curves = curves_of(content, against)
    if not curves:
        return None
    texts = Texts(content["language"])
    labels = texts(f"axis.{against}"), texts(f"axis.{split}_error")
    draw_all = _draw_together if len(curves) <= MAX_LINES else _draw_multiples
    return draw_all(curves, labels, width_inches)


def _draw_together(curves: list[Curve], labels: tuple[str, str], width_inches: float) -> Figure:
    figure = Figure(figsize=(width_inches, 3.9))
    right = 0.5 + 0.078 * max(len(curve.label) for curve in curves) if len(curves) > 1 else 0.2
    axes = figure.add_axes((0.62 / width_inches, 0.13, 1 - (0.62 + right) / width_inches, 0.83))
    _scale(axes, curves)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(visible=True, axis="y")
    ends = []
    for index, curve in enumerate(curves):
        color, every = SERIES[index], max(1, len(curve.x) // 6)  # markers apart from those of the other lines
        axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.13, linewidth=0)
        axes.plot(
            curve.x, curve.median, color=color, linestyle=DASHES[index], linewidth=1.6,
            marker=MARKERS[index], markersize=4.5, markevery=(index * every // len(curves), every),
        )  # fmt: skip
        last = np.flatnonzero(np.isfinite(curve.median))[-1]
        ends.append((curve.x[last], curve.median[last]))
    if len(curves) > 1:
        heights = [axes.transAxes.inverted().transform(axes.transData.transform(end))[1] for end in ends]
        for index, (end, height) in enumerate(zip(ends, spread(heights, 0.05), strict=True)):
            axes.annotate(
                curves[index].label, end, xytext=(1.02, height), textcoords="axes fraction", va="center",
                color=SERIES[index], annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5),
                },
            )  # fmt: skip
    return figure


def _draw_multiples(curves: list[Curve], labels: tuple[str, str], width_inches: float) -> Figure:
    figure, grid = panels(len(curves), width_inches)
    others = curves if len(curves) <= MAX_BEHIND else curves[:1]  # behind each, to compare with
    for axes, curve in zip(grid, curves, strict=True):
        for other in others:
            axes.plot(other.x, other.median, color=FAINT, linewidth=0.7)
        axes.fill_between(curve.x, curve.low, curve.high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(curve.x, curve.median, color=BLUE, linewidth=1.8, marker="o" if len(curve.x) < 12 else "", ms=3)
        axes.set_title(curve.label, loc="left", pad=4, color=INK)
        axes.grid(visible=True, axis="y")
    _scale(grid[0], curves)
    name_axes(figure, *labels)
    return figure


def _scale(axes: Axes, curves: list[Curve]) -> None:
    errors = np.concatenate([np.concatenate([curve.median, curve.low, curve.high]) for curve in curves])
    error_axis(axes, float(np.nanmin(errors)), float(np.nanmax(errors)))
    ends = [float(np.nanmax(curve.x)) for curve in curves]
    start = min(float(np.nanmin(curve.x)) for curve in curves)
    room = 0.03 * max(max(ends) - start, 1e-9)
    axes.set_xlim(start - room if start > 0 else 0, max(ends) + room)
    are_epochs = all(np.array_equal(curve.x, np.round(curve.x)) for curve in curves)  # and not seconds
    if are_epochs:
        epoch_axis(axes, max(ends))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=max(ends) >= 4))


def errors_of(accuracies: list[float | None] | None, num: int) -> np.ndarray:
    """Errors in per cent, (num,), at least what a logarithmic axis can have; NaN where nothing was measured.

    Args:
        accuracies: Fractions, of length `num`, or nothing at all.
        num: How many there should be.
    """
    values = np.array(accuracies if accuracies else [None] * num, dtype=float)
    return (100 * (1 - values)).clip(LEAST_ERROR)
