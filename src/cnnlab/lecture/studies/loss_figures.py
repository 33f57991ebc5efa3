"""What the section on losses shows."""

from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.plots import draw_seeds, percent
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import DASHES, GRID, MARKERS, SERIES, error_axis

LOSSES = ("cross_entropy", "mse")


def show(data: dict[str, Any], words: Words) -> Shown:
    """Gradients by the probability of the true class, learning curves, and a table.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown(
        figures={
            "gradients": drawn(_draw_gradients, data, words),
            "relearning": drawn(_draw_relearning, data, words),
            "learning": drawn(_draw_learning, data, words),
        },
        tables={"losses": _losses(data, words)},
    )


def _axes(figure: Figure, num: int = 1) -> list[Axes]:
    figure.subplots_adjust(left=0.085, right=0.99, bottom=0.15, top=0.91, wspace=0.24)
    return list(figure.subplots(1, num, squeeze=False)[0])


def _draw_gradients(data: Content, width_inches: float) -> Figure:
    words = data["words"]
    figure = Figure(figsize=(width_inches, 3.5))
    formula, measured = _axes(figure, 2)
    for index, loss in enumerate(LOSSES):
        style: dict[str, Any] = {"color": SERIES[index], "label": words(f"loss_{loss}")}
        norms = data["curve"][loss]
        relative = [each / max(norms) for each in norms]  # a factor in the loss is only another learning rate
        formula.plot(data["curve"]["p"], relative, linestyle=DASHES[index], linewidth=1.7, **style)
        measured.plot(
            data["wrong"]["probability"], data["wrong"][loss],
            linestyle="none", marker=MARKERS[index], markersize=3.5, alpha=0.7, markeredgewidth=0, **style,
        )  # fmt: skip
    formula.set_title(words("formula_title"), loc="left")
    formula.set(xlabel=words("probability"), ylabel=words("gradient_relative"), xlim=(0, 1), ylim=(0, 1.04))
    measured.set_title(words("measured_title"), loc="left")
    measured.set(xlabel=words("probability_log"), ylabel=words("gradient_log"), xscale="log", yscale="log")
    for axis in (measured.xaxis, measured.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    for axes in (formula, measured):
        axes.grid(axis="y", color=GRID)
    formula.legend(loc="upper right")
    return figure


def _draw_relearning(data: Content, width_inches: float) -> Figure:
    words, relearning = data["words"], data["relearning"]
    figure = Figure(figsize=(width_inches, 3.2))
    (axes,) = _axes(figure)
    for index, loss in enumerate(LOSSES):
        curves = [[100 * each for each in curve] for curve in relearning[loss]]
        draw_seeds(axes, relearning["steps"], curves, words(f"loss_{loss}"), index)
    axes.set(xlabel=words("steps"), ylabel=words("accuracy_new"), ylim=(0, 101))
    axes.legend(loc="best")
    return figure


def _draw_learning(data: Content, width_inches: float) -> Figure:
    words = data["words"]
    figure = Figure(figsize=(width_inches, 3.6))
    grid = _axes(figure, len(data["learning"]))
    for axes, (name, learning) in zip(grid, data["learning"].items(), strict=True):
        every = []
        for index, loss in enumerate(LOSSES):
            errors = [[100 * (1 - each) for each in run["accuracy"]] for run in learning[loss]]
            every += [each for curve in errors for each in curve]
            draw_seeds(axes, learning[loss][0]["passes"], errors, words(f"loss_{loss}"), index, has_markers=False)
        error_axis(axes, max(0.1, min(every)), max(every))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_title(words(f"learning_{name}"), loc="left")
        axes.set(xlabel=words("passes"), ylabel=words("validation_error"), xlim=(0, None))
    grid[0].legend(loc="upper right")
    return figure


def _losses(data: dict[str, Any], words: Words) -> Table:
    targets = data["passes"]
    head = [
        words("loss"), words("fast_rate"), *(words("passes_to", target=target) for target in targets),
        words("rate"), words("accuracy"), words("relearning_rate"),
    ]  # fmt: skip
    rows = [
        [
            words(f"loss_{loss}"),
            f"{data['fast_rates'][loss]:.3g}",
            *(f"{fmean(of_target[loss]):.2f}" for of_target in targets.values()),
            f"{data['rates'][loss]:.3g}",
            percent(data["accuracy"][loss]),
            f"{data['relearning']['rates'][loss]:.3g}",
        ]
        for loss in LOSSES
    ]
    return Table(head, rows)
