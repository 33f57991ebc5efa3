"""Figures of a sweep's tuning: every trial by its learning rate, and what more trials would bring."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, short_names
from cnnlab.report.page.figures.curves import LEAST_ERROR, MAX_PANELS, errors_of
from cnnlab.report.page.figures.style import (
    BLUE,
    FAINT,
    GRID,
    GROUND,
    INK,
    ORANGE,
    error_axis,
    name_axes,
    panels,
    styled,
)

LEARNING_RATE = "optimizer.lr"
OBJECTIVE = "val/acc"  # whose errors are drawn


def drawn_name(content: Content) -> str | None:
    """The tuned number that the trials are drawn by: the learning rate, else the first; None if there is none.

    Args:
        content: report.json's.
    """
    tuning = content["tuning"]
    if tuning is None or tuning["objective"] != OBJECTIVE:
        return None
    names = dict.fromkeys(name for each in tuning["configurations"] for name in each["space"])
    found = [name for name in (LEARNING_RATE, *names) if any(_points(each, name) for each in tuning["configurations"])]
    return found[0] if found else None


@styled
def draw_tuning_trials(content: Content, width_inches: float) -> Figure | None:
    """Validation error of every trial by one tuned number, a pair of axes for each configuration.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    name = drawn_name(content)
    if name is None:
        return None
    tuned = [each for each in content["tuning"]["configurations"] if _points(each, name)][:MAX_PANELS]
    figure, grid = panels(len(tuned), width_inches)
    errors = [error for each in tuned for _, error, _ in _points(each, name) if error is not None]
    if not errors:
        return None
    _name_panels(grid, tuned, content, pad=10)  # room for the crosses
    for axes, each in zip(grid, tuned, strict=True):
        _draw_trials(axes, _points(each, name), is_line=content["tuning"]["method"] == "lr")
        if ends := _range(each, name):
            axes.axvspan(*ends, color=GRID, alpha=0.6, linewidth=0, zorder=0)
    xs = [x for each in tuned for x, _, _ in _points(each, name)]
    _scale_numbers(grid[0], [*xs, *(end for each in tuned for end in _range(each, name) or ())])
    error_axis(grid[0], min(errors), max(errors))
    name_axes(figure, name, Texts(content["language"])("axis.val_error"))
    return figure


@styled
def draw_tuning_curves(content: Content, width_inches: float) -> Figure | None:
    """The expected validation error of the best of so many random trials, with its band.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    tuning = content["tuning"]
    tuned = [each for each in tuning["configurations"] if each["curve"]][:MAX_PANELS] if tuning else []
    if not tuned:
        return None
    figure, grid = panels(len(tuned), width_inches)
    means = [errors_of(each["curve"]["mean"], len(each["curve"]["mean"])) for each in tuned]
    _name_panels(grid, tuned, content)
    for axes, each, mean in zip(grid, tuned, means, strict=True):
        curve = each["curve"]
        best, worst = (errors_of(curve[key], len(mean)) for key in ("high", "low"))
        for other in means:
            axes.plot(np.arange(1, len(other) + 1), other, color=FAINT, linewidth=0.7)
        axes.fill_between(curve["trials"], best, worst, color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(curve["trials"], mean, color=BLUE, linewidth=1.8)
    every = np.concatenate(means)
    error_axis(grid[0], _least_drawn(means), float(every.max()))
    grid[0].set_xlim(1, max(len(mean) for mean in means))
    grid[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    texts = Texts(content["language"])
    name_axes(figure, texts("axis.trials"), texts("axis.val_error"))
    return figure


def num_lost(content: Content) -> int:
    """How many of the drawn trials have no score: they diverged.

    Args:
        content: report.json's.
    """
    name, tuned = drawn_name(content), (content["tuning"] or {}).get("configurations", [])
    return sum(error is None for each in tuned for _, error, _ in (_points(each, name) if name else []))


def has_ranges(content: Content) -> bool:
    """Whether the trials' figure shades the ranges that their numbers are from.

    Args:
        content: report.json's.
    """
    name, tuned = drawn_name(content), (content["tuning"] or {}).get("configurations", [])
    return name is not None and any(_range(each, name) for each in tuned)


def band_leaves(content: Content) -> bool:
    """Whether the lower side of a band leaves the figure of the curves.

    Args:
        content: report.json's.
    """
    curves = [each["curve"] for each in content["tuning"]["configurations"] if each["curve"]][:MAX_PANELS]
    least = min((float(errors_of(curve["high"], len(curve["high"])).min()) for curve in curves), default=np.inf)
    return bool(curves) and least < _least_drawn([errors_of(curve["mean"], len(curve["mean"])) for curve in curves])


def _least_drawn(means: list[np.ndarray]) -> float:
    """The lower end of the axis of the curves: a band may reach down to no error at all."""
    return float(np.concatenate(means).min()) / 2


def _range(tuned: dict[str, Any], name: str) -> tuple[float, float] | None:
    parameter = tuned["parameters"].get(name)
    return (parameter["low"], parameter["high"]) if parameter and "low" in parameter else None


def _scale_numbers(axes: Axes, numbers: list[float]) -> None:
    """A logarithmic axis if it can be one, ticked at whole decades that are apart from those of the next panel."""
    low, high = min(numbers), max(numbers)
    if low <= 0 or low == high:
        return
    axes.set_xscale("log")
    room = (high / low) ** 0.04
    axes.set_xlim(low / room, high * room)
    margin = (high / low) ** 0.12
    inside = np.arange(np.ceil(np.log10(low * margin)), np.floor(np.log10(high / margin)) + 1)
    ticks = [10.0**decade for decade in inside[:: -(-len(inside) // 3) or 1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks or [low, high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _name_panels(grid: list[Axes], tuned: list[dict[str, Any]], content: Content, pad: float = 4) -> None:
    names = short_names(content, 26)
    for axes, each in zip(grid, tuned, strict=True):
        axes.set_title(names[each["configuration"]], loc="left", pad=pad, color=INK)
        axes.grid(visible=True, axis="y")


def _points(tuned: dict[str, Any], name: str) -> list[tuple[float, float | None, bool]]:
    """Number, error in per cent and whether it was chosen, of each trial that has the number."""
    points = []
    for trial in tuned["trials"]:
        try:
            x = float(trial["values"][name])
        except (LookupError, ValueError):
            continue
        score = trial["score"]
        error = None if score is None else max(100 * (1 - score), LEAST_ERROR)
        points.append((x, error, trial["values"] == tuned["chosen"]))
    return points


def _draw_trials(axes: Axes, points: list[tuple[float, float | None, bool]], *, is_line: bool) -> None:
    finite = sorted((x, error) for x, error, _ in points if error is not None)
    axes.plot(
        *zip(*finite, strict=True), "o", color=BLUE, mfc=GROUND, ms=4, linestyle="-" if is_line else "", linewidth=1
    )
    for x, error, is_chosen in points:
        if error is None:
            axes.plot(x, 1.06, "x", color=ORANGE, ms=4.5, clip_on=False, transform=axes.get_xaxis_transform())
        elif is_chosen:
            axes.plot(x, error, "D", color=ORANGE, ms=5.5)
