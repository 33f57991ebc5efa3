"""Figures of a sweep's tuning: every trial by its learning rate, and what more trials would bring."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, short_names
from cnnlab.report.page.figures.curves import LEAST_ERROR, MAX_PANELS, errors_of
from cnnlab.report.page.figures.style import (
    BLUE,
    FAINT,
    GROUND,
    INK,
    MUTED,
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
    _name_panels(grid, tuned, content)
    for axes, each in zip(grid, tuned, strict=True):
        _draw_trials(axes, _points(each, name), is_line=content["tuning"]["method"] == "lr")
    if all(x > 0 for each in tuned for x, _, _ in _points(each, name)):
        grid[0].set_xscale("log")
        grid[0].xaxis.set_major_locator(LogLocator(numticks=4))
        grid[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        grid[0].set_xticks([], minor=True)
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
    error_axis(grid[0], float(every.min()) / 2, float(every.max()))
    grid[0].set_xlim(1, max(len(mean) for mean in means))
    grid[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    texts = Texts(content["language"])
    name_axes(figure, texts("axis.trials"), texts("axis.val_error"))
    return figure


def _name_panels(grid: list[Axes], tuned: list[dict[str, Any]], content: Content) -> None:
    names = short_names(content, 26)
    for axes, each in zip(grid, tuned, strict=True):
        axes.set_title(names[each["configuration"]], loc="left", pad=4, color=INK)
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
            axes.plot(x, 0.97, "x", color=MUTED, ms=4.5, transform=axes.get_xaxis_transform())
        elif is_chosen:
            axes.plot(x, error, "D", color=ORANGE, ms=5.5)
