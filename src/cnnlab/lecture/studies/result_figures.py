"""What the section on the lecture's result shows."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.studies.graph_figure import draw_graphs
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import BLUE, FAINT, GRID, INK, MUTED, ORANGE, epoch_axis, error_axis

LEAST_ERROR = 0.01  # per cent, where a logarithmic axis has to end
MARGIN_POINTS = 0.1


def show(data: dict[str, Any], words: Words) -> Shown:
    """Learning curves, accuracies, mistakes and graphs.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    figures = {
        "curves": drawn(_draw_curves, data, words),
        "accuracies": drawn(_draw_accuracies, data, words),
        "graphs": drawn(draw_graphs, data, words),
    }
    if mistakes := data["mistakes"]:
        figures["confusion"] = drawn(_draw_confusion, data, words)
        if all(each["pixels"] for each in mistakes["contested"]):
            figures["contested"] = drawn(_draw_contested, data, words)
    return Shown(figures=figures, tables={"branches": _branches(data, words), "refusals": _refusals(data, words)})


def _draw_curves(content: Content, width_inches: float) -> Figure:
    """Errors by epoch: mean over seeds, from the best seed to the worst as a band."""
    words = content["words"]
    figure = Figure(figsize=(width_inches, 3.8))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.6 / width_inches, right=1 - 1.5 / width_inches, bottom=0.13, top=0.91)
    axes.grid(axis="y", color=GRID)
    lowest, highest = np.inf, 0.0
    for split, color, dashes in (("train", ORANGE, (0, (5, 1.5))), ("test", BLUE, "-")):
        errors = np.maximum(100 * (1 - np.array(content["curves"][split])), LEAST_ERROR)
        epochs = np.arange(1, errors.shape[1] + 1)
        mean = errors.mean(axis=0)
        axes.fill_between(epochs, errors.min(axis=0), errors.max(axis=0), color=color, alpha=0.2, linewidth=0)
        axes.plot(epochs, mean, color=color, linestyle=dashes)
        _at_end(axes, epochs[-1], mean[-1], words(f"error_{split}"), color)
        lowest, highest = min(lowest, errors.min()), max(highest, errors.max())
    lecture = 100 * (1 - content["lecture"])
    axes.axhline(lecture, color=MUTED, linewidth=1, linestyle=(0, (1.2, 1.2)))
    axes.annotate(
        words("lecture_line"), (1, lecture), xytext=(0, 4), textcoords="offset points", va="bottom", color=MUTED
    )
    error_axis(axes, float(lowest), float(highest))
    axes.set_title(words("error"), loc="left")
    axes.set_xlabel(words("epoch"))
    axes.set_xlim(0, len(epochs) + 0.5)
    epoch_axis(axes, len(epochs))
    return figure


def _at_end(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    axes.annotate(text, (x, y), xytext=(8, 0), textcoords="offset points", va="center", color=color)


def _draw_accuracies(content: Content, width_inches: float) -> Figure:
    """Each seed's accuracy, their mean with its interval, and the lecture's with the margin around it."""
    words = content["words"]
    figure = Figure(figsize=(width_inches, 1.7))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=1.7 / width_inches, right=1 - 0.2 / width_inches, bottom=0.3, top=0.97)
    accuracies = [100 * run["accuracy"] for run in content["runs"]]
    low, high = (100 * end for end in content["interval"])
    mean, lecture = 100 * content["mean"], 100 * content["lecture"]
    axes.axvspan(lecture - MARGIN_POINTS, lecture + MARGIN_POINTS, color=FAINT, alpha=0.3, linewidth=0)
    axes.axvline(lecture, color=MUTED, linestyle=(0, (1.2, 1.2)), linewidth=1.2)
    axes.plot([low, high], [1, 1], color=BLUE, linewidth=2)
    axes.plot(mean, 1, marker="o", color=BLUE)
    axes.plot(accuracies, [0] * len(accuracies), marker="|", markersize=14, linestyle="none", color=INK)
    axes.set_yticks([0, 1], [words("each_seed"), words("mean_interval")])
    axes.set_ylim(-0.6, 1.6)
    axes.set_xlabel(words("accuracy"))
    return figure


def _draw_confusion(content: Content, width_inches: float) -> Figure:
    """Mistakes of a network by true and predicted digit, on average over seeds."""
    words, mistakes = content["words"], content["mistakes"]
    counts = np.array(mistakes["confusion"]) / mistakes["num_seeds"]
    np.fill_diagonal(counts, 0)
    num = len(counts)
    figure = Figure(figsize=(width_inches, 4.2))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.02, top=0.86)
    for true, predicted in np.argwhere(counts >= 0.05):
        strength = 0.1 + 0.7 * counts[true, predicted] / counts.max()
        axes.add_patch(Rectangle((predicted, true), 1, 1, facecolor=ORANGE, alpha=strength, linewidth=0))
        text = f"{counts[true, predicted]:.1f}"
        axes.text(predicted + 0.5, true + 0.5, text, ha="center", va="center", color=INK, fontsize=8.5)
    for digit in range(num):
        axes.add_patch(Rectangle((digit, digit), 1, 1, facecolor=GRID, linewidth=0))
    axes.set(xlim=(0, num), ylim=(num, 0))
    middles = np.arange(num) + 0.5
    digits = [str(digit) for digit in range(num)]
    axes.set_xticks(middles, digits)
    axes.set_yticks(middles, digits)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.xaxis.set_label_position("top")
    axes.set_xlabel(words("predicted"))
    axes.set_ylabel(words("label"))
    axes.spines[:].set_visible(False)
    return figure


def _draw_contested(content: Content, width_inches: float) -> Figure:
    words, mistakes = content["words"], content["mistakes"]
    contested = mistakes["contested"]
    columns = 6
    rows = -(-len(contested) // columns)
    figure = Figure(figsize=(width_inches, 1.95 * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.22 / rows, wspace=0.12, hspace=0.42)
    for axes, each in zip(grid.flat, contested, strict=False):
        axes.imshow(np.array(each["pixels"], dtype=np.uint8), cmap="gray", vmin=0, vmax=255, interpolation="none")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        text = words("contested", label=each["label"], predicted=each["predicted"], num=each["num_wrong"],
                     seeds=mistakes["num_seeds"])  # fmt: skip
        axes.set_title(text, fontsize=8.5)
    for axes in grid.flat[len(contested) :]:
        axes.set_axis_off()
    return figure


def _branches(data: dict[str, Any], words: Words) -> Table:
    graphs = data["graphs"]
    rows = [[words(name), ", ".join(graphs["branches"][name])] for name in ("positive", "negative")]
    rows += [[words("loop", total=f"{2 * value:g}"), f"{num} × MulBackward0"] for value, num in graphs["loops"]]
    rows += [[words(mode), words("operations", num=len(graphs[mode]))] for mode in ("training", "evaluation")]
    return Table([words("input"), words("recorded")], rows)


def _refusals(data: dict[str, Any], words: Words) -> Table:
    rows = [[words(name), data["graphs"][name]] for name in ("refuses_branch", "refuses_size")]
    return Table([words("attempt"), words("message")], rows)
