"""What the section on initial weights shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator, NullLocator

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.studies.activation_figures import power_of_ten
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import (
    BLUE,
    DASHES,
    FAINT,
    GREEN,
    INK,
    MARKERS,
    MUTED,
    ORANGE,
    PURPLE,
    SERIES,
    name_axes,
    panels,
)

LAYERS = ("1", "4", "7", "10")
RIDGES = (BLUE, GREEN, ORANGE, PURPLE)
LINES = ("random_normal", "standard_normal", "torch_default", "lecun_normal", "xavier_normal", "he_normal")
TITLES = {"tanh": "tanh", "relu": "ReLU"}


def show(data: dict[str, Any], words: Words) -> Shown:
    """Figures, tables, and layers to watch while the weights' scale changes.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    frames = [{"label": f"×{each['scale']:g}", "figure": drawn(_draw_scale, each, words)} for each in data["scales"]]
    start = next(index for index, each in enumerate(data["scales"]) if each["scale"] == 1)
    return Shown(
        figures={
            "activations_tanh": drawn(_draw_values, data["histograms"]["tanh"], words),
            "activations_relu": drawn(_draw_forward_exponents, data["histograms"]["relu"], words),
            "gradients_tanh": drawn(_draw_back_exponents, data["histograms"]["tanh"], words),
            "gradients_relu": drawn(_draw_back_exponents, data["histograms"]["relu"], words),
            "layers": drawn(_draw_layers, data["deviations"], words),
            "training": drawn(_draw_training, data["accuracy"], words),
        },
        tables={"xavier": _xavier(data, words), "rates": _rates(data, words)},
        widgets={"scale": {"kind": "frames", "label": words("scale"), "frames": frames, "start": start}},
    )


def _draw_values(histograms: Content, width_inches: float) -> Figure:
    return _draw_ridges(histograms, "forward", (-1, 1), "activation_value", width_inches)


def _draw_forward_exponents(histograms: Content, width_inches: float) -> Figure:
    return _draw_ridges(histograms, "forward", (-6, 10), "activation_size", width_inches)


def _draw_back_exponents(histograms: Content, width_inches: float) -> Figure:
    return _draw_ridges(histograms, "back", (-11, 5), "gradient_size", width_inches)


def _draw_ridges(data: Content, way: str, ends: tuple[float, float], name: str, width_inches: float) -> Figure:
    """A histogram for each layer, one above the other, of each initialisation; each as high as its row."""
    words = data["words"]
    inits = [each for each in data if each != "words"]
    figure, grid = panels(len(inits), width_inches, 1.5)
    for axes, init in zip(grid, inits, strict=True):
        for row, fractions in enumerate(data[init][way]):
            centers = _centers(ends, len(fractions))
            base = len(LAYERS) - 1 - row
            top = base + 0.85 * np.sqrt(np.divide(fractions, max(*fractions, 1e-9)))  # small shares are seen, too
            filled = np.flatnonzero(fractions)
            shown = slice(max(0, filled[0] - 1), filled[-1] + 2) if len(filled) else slice(0)
            axes.fill_between(centers[shown], base, top[shown], color=RIDGES[row], alpha=0.75, linewidth=0)
            axes.axhline(base, color=FAINT, linewidth=0.6)
        axes.set_title(words(init), loc="left", pad=4)
    grid[0].set(xlim=ends, ylim=(-0.08, len(LAYERS)))
    grid[0].set_yticks([3.4, 2.4, 1.4, 0.4], LAYERS)
    if ends == (-1, 1):
        grid[0].xaxis.set_major_locator(FixedLocator([-0.5, 0, 0.5]))
    else:
        grid[0].xaxis.set_major_locator(MultipleLocator(4))
        grid[0].xaxis.set_major_formatter(_powers())
    name_axes(figure, words(name), words("hidden_layer"))
    return figure


def _centers(ends: tuple[float, float], num: int) -> np.ndarray:
    edges = np.linspace(*ends, num + 1)
    return np.asarray((edges[:-1] + edges[1:]) / 2)


def _powers() -> FuncFormatter:
    return FuncFormatter(lambda value, _: power_of_ten(round(value)))


def _draw_layers(deviations: Content, width_inches: float) -> Figure:
    """The standard deviation by layer: activations in the upper row, gradients in the lower."""
    words = deviations["words"]
    figure = Figure(figsize=(width_inches, 5.2))
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    figure.subplots_adjust(
        left=0.72 / width_inches, right=1 - 2.0 / width_inches, bottom=0.1, top=0.95, wspace=0.08, hspace=0.18
    )
    for column, name in enumerate(TITLES):
        for row, way in enumerate(("forward", "back")):
            axes = grid[row, column]
            for index, init in enumerate(LINES):
                values = deviations[name][init][way]
                axes.plot(
                    range(1, len(values) + 1), values, color=SERIES[index], linestyle=DASHES[index],
                    marker=MARKERS[index], markersize=4, linewidth=1.5, label=words(init),
                )  # fmt: skip
            axes.grid(visible=True, axis="y")
            axes.yaxis.set_major_locator(MultipleLocator(2))
            axes.yaxis.set_major_formatter(_powers())
            axes.set_title(f"{TITLES[name]}: {words(way)}", loc="left", pad=4)
    grid[0, 0].set_ylabel(words("activation_deviation"))
    grid[1, 0].set_ylabel(words("gradient_deviation"))
    grid[0, 0].xaxis.set_major_locator(FixedLocator([1, 4, 7, 10]))
    grid[0, 1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.02))
    figure.supxlabel(words("hidden_layer"), fontsize=9, color=MUTED, y=0.01)
    return figure


def _draw_scale(of_scale: Content, width_inches: float) -> Figure:
    """Both activations' deviations by layer, at one scale of the weights."""
    words = of_scale["words"]
    figure = Figure(figsize=(width_inches, 2.7))
    grid = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.75 / width_inches, right=0.985, bottom=0.19, top=0.9, wspace=0.2)
    for axes, way, limits, label in zip(
        grid, ("forward", "back"), ((-7.5, 5.5), (-9.5, 3.5)), ("activation_deviation", "gradient_deviation"),
        strict=True,
    ):  # fmt: skip
        for index, name in enumerate(TITLES):
            values = of_scale[name][way]
            axes.plot(
                range(1, len(values) + 1), values, color=SERIES[index], linestyle=DASHES[index],
                marker=MARKERS[index], markersize=5, linewidth=1.7, label=TITLES[name],
            )  # fmt: skip
        axes.set(ylim=limits, xlabel=words("hidden_layer"), ylabel=words(label))
        axes.grid(visible=True, axis="y")
        axes.yaxis.set_major_locator(MultipleLocator(3))
        axes.yaxis.set_major_formatter(_powers())
        axes.xaxis.set_major_locator(FixedLocator([1, 4, 7, 10]))
        axes.set_title(words(way), loc="left", pad=4)
    grid[0].legend(loc="upper left", ncols=2)
    return figure


def _draw_training(accuracy: Content, width_inches: float) -> Figure:
    """The test error of every run, a row each configuration."""
    words = accuracy["words"]
    figure, grid = panels(4, width_inches, 1.7)
    inits = ("random_normal", "xavier_normal", "he_normal")
    for axes, (name, depth) in zip(grid, ((name, depth) for name in TITLES for depth in (10, 20)), strict=True):
        for row, init in enumerate(inits):
            errors = [100 * (1 - each) for each in accuracy[f"{init}/{name}/{depth}"]["accuracy"]]
            axes.plot(errors, [-row] * len(errors), "o", color=SERIES[row], alpha=0.55, markersize=6, mew=0)
            axes.plot(np.mean(errors), -row, "|", color=INK, markersize=16, mew=1.6)
        axes.set_title(words("of_depth", activation=TITLES[name], depth=depth), loc="left", pad=4)
        axes.grid(visible=True)
    grid[0].set_yticks([0, -1, -2], [words(init) for init in inits])
    grid[0].set_ylim(-2.5, 0.5)
    grid[0].set_xscale("log")
    grid[0].set_xlim(3, 100)
    grid[0].xaxis.set_major_locator(FixedLocator([5, 10, 20, 50, 90]))
    grid[0].xaxis.set_minor_locator(NullLocator())
    grid[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    figure.subplots_adjust(left=1.3 / width_inches)
    figure.supxlabel(words("test_error"), fontsize=9, color=MUTED, y=0.02)
    return figure


def _xavier(data: Mapping[str, Any], words: Words) -> Table:
    columns = ("root", "drawn_bound", "variance", "drawn_variance")
    rows = [
        [f"{each['fan_in']} → {each['fan_out']}", *(f"{each[column]:.5f}" for column in columns)]
        for each in data["xavier"].values()
    ]
    return Table([words("layer"), *(words(column) for column in columns)], rows)


def _rates(data: Mapping[str, Any], words: Words) -> Table:
    rows = [
        [*_names(key, words), f"{each['lr']:g}", f"{100 * float(np.mean(each['accuracy'])):.2f} %"]
        for key, each in data["accuracy"].items()
    ]
    return Table([words(head) for head in ("weights", "activation", "depth", "rate", "test_accuracy")], rows)


def _names(key: str, words: Words) -> Sequence[str]:
    init, name, depth = key.split("/")
    return words(init), TITLES[name], depth
