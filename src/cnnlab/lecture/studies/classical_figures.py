"""What the section on learning without deep networks shows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.inference.differences import mean_interval
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import (
    BLUE,
    BROWN,
    GREEN,
    GRID,
    ORANGE,
    PURPLE,
    error_axis,
    spread,
)

STYLES: dict[str, tuple[str, Any, str]] = {  # networks are blue
    "tree": (BROWN, (0, (3, 1, 1, 1, 1, 1)), "P"),
    "bayes": (PURPLE, (0, (6, 1.5, 1.2, 1.5)), "D"),
    "neighbours": (GREEN, (0, (1.2, 1.2)), "^"),
    "svm": (ORANGE, (0, (5, 1.5)), "s"),
    "softmax_regression": (BLUE, (0, (1.2, 1.2)), "v"),
    "mlp": (BLUE, (0, (5, 1.5)), "X"),
    "lecture": (BLUE, "-", "o"),
}


def show(data: dict[str, Any], words: Words) -> Shown:
    """Both figures and the table.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown(
        figures={"images": drawn(_draw_images, data, words), "seconds": drawn(_draw_seconds, data, words)},
        tables={"methods": _table(data, words)},
    )


def _errors(content: Content, method: str) -> np.ndarray:
    """Per cent, (sizes, seeds)."""
    return 100 * (1 - np.array([each["accuracy"] for each in content["methods"][method]]))


def _seconds(content: Content, method: str) -> np.ndarray:
    """Median over seeds of learning and testing, (sizes,)."""
    return np.array([np.median(np.add(each["fit_s"], each["predict_s"])) for each in content["methods"][method]])


def _draw_images(content: Content, width_inches: float) -> Figure:
    figure, axes = _frame(content, width_inches)
    sizes = content["num_images"]
    for method, (color, _, _) in STYLES.items():
        errors = _errors(content, method)
        axes.fill_between(sizes, errors.min(axis=1), errors.max(axis=1), color=color, alpha=0.15, linewidth=0)
    _lines(axes, content, {method: sizes for method in STYLES})
    axes.set_xlabel(content["words"]("num_images"))
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def _draw_seconds(content: Content, width_inches: float) -> Figure:
    figure, axes = _frame(content, width_inches)
    _lines(axes, content, {method: _seconds(content, method).tolist() for method in STYLES})
    axes.set_xlabel(content["words"]("seconds"))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _frame(content: Content, width_inches: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width_inches, 4.2))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.55 / width_inches, right=1 - 1.75 / width_inches, bottom=0.12, top=0.92)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=GRID)
    errors = [_errors(content, method) for method in STYLES]
    error_axis(axes, float(np.min(errors)), float(np.max(errors)))
    axes.set_title(content["words"]("error"), loc="left")
    return figure, axes


def _lines(axes: Axes, content: Content, x: dict[str, Sequence[float]]) -> None:
    """A line for each method through the sizes of the training set, named at the height of its end."""
    means = {method: _errors(content, method).mean(axis=1) for method in STYLES}
    for method, (color, dashes, marker) in STYLES.items():
        axes.plot(x[method], means[method], color=color, linestyle=dashes, marker=marker, markersize=5, linewidth=1.6)
    low, high = axes.get_ylim()
    heights = [float(np.log(each[-1] / low) / np.log(high / low)) for each in means.values()]
    for (method, (color, _, _)), height in zip(STYLES.items(), spread(heights, 0.055), strict=True):
        axes.text(
            1.02, height, content["words"](method), transform=axes.transAxes, va="center", color=color, clip_on=False
        )


def _table(data: dict[str, Any], words: Words) -> Table:
    head = [words("method")]
    head += [words("accuracy_of", num=f"{num:,}") for num in data["num_images"]]
    head += [words("fit_s"), words("predict_s")]
    rows = []
    for method in STYLES:
        found = data["methods"][method]
        times = [f"{np.median(found[-1][key]):.2f}" for key in ("fit_s", "predict_s")]
        rows.append([words(method), *(_accuracy(each["accuracy"]) for each in found), *times])
    return Table(head, rows)


def _accuracy(values: Sequence[float]) -> str:
    """The mean in per cent and its interval."""
    low, high = (100 * float(end) for end in mean_interval(values))
    return f"{100 * float(np.mean(values)):.1f} [{low:.1f}, {high:.1f}]"
