"""What the section on activations shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import BLUE, DASHES, GRID, INK, MARKERS, MUTED, ORANGE, SERIES, name_axes, panels

PLACES = ("torch_start", "xavier_start", "he_start", "he_trained")
DEPTHS = (2, 5, 10, 20)
TITLES = {
    "sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU", "leaky_relu": "Leaky ReLU", "prelu": "PReLU", "elu": "ELU",
    "selu": "SELU", "softplus": "Softplus", "gelu": "GELU", "silu": "SiLU (Swish)", "mish": "Mish",
}  # fmt: skip
JUMP = 0.5  # of a derivative between neighbouring points
STYLE = {
    name: {"color": SERIES[index], "linestyle": DASHES[index], "marker": MARKERS[index], "markersize": 4}
    for index, name in enumerate(("sigmoid", "tanh", "relu", "leaky_relu"))
}


def show(data: dict[str, Any], words: Words) -> Shown:
    """Figures and tables of the section.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown(
        figures={
            "functions": drawn(_draw_functions, data, words),
            "gradients": drawn(_draw_gradients, data, words),
            "depths": drawn(_draw_depths, data, words),
            "saturation": drawn(_draw_saturation, data, words),
            "learning": drawn(_draw_learning, data, words),
        },
        tables={"zigzag": _zigzag(data, words), "dead": _dead(data, words), "costs": _costs(data, words)},
    )


def _draw_functions(data: Content, width_inches: float) -> Figure:
    words, functions = data["words"], data["functions"]
    figure, grid = panels(len(TITLES), width_inches, 1.35)
    for axes, (name, title) in zip(grid, TITLES.items(), strict=True):
        each = functions[name]
        axes.axhline(0, color=GRID, linewidth=0.8)
        axes.axvline(0, color=GRID, linewidth=0.8)
        x, slope = _broken_at_jumps(each["x"], each["slope"])
        axes.plot(x, slope, color=ORANGE, linestyle=DASHES[1], linewidth=1.4, label=words("derivative"))
        axes.plot(each["x"], each["y"], color=BLUE, linewidth=1.7, label=words("function"))
        axes.set_title(title, loc="left", pad=4)
    grid[0].set(xlim=(-4, 4), ylim=(-2.1, 3.1))
    grid[0].xaxis.set_major_locator(MultipleLocator(2))
    grid[0].yaxis.set_major_locator(MultipleLocator(1))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="lower right", bbox_to_anchor=(0.99, 0.1), handlelength=2.4)
    name_axes(figure, words("input"), words("value"))
    return figure


def _broken_at_jumps(x: Sequence[float], values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The same points, with a gap at 0 where the values jump."""
    jumps = np.flatnonzero((np.abs(np.diff(values)) > JUMP) & (np.abs(x[1:]) < 0.2)) + 1
    return np.insert(x, jumps, np.nan), np.insert(values, jumps, np.nan)


def _draw_gradients(data: Content, width_inches: float) -> Figure:
    words, gradients = data["words"], data["gradients"]
    figure, grid = panels(len(PLACES), width_inches, 2.1)
    for axes, place in zip(grid, PLACES, strict=True):
        for name, profile in gradients[place].items():
            axes.plot(range(1, len(profile) + 1), profile, label=TITLES[name], linewidth=1.5, **STYLE[name])
        _mark_vanished(axes)
        axes.set_title(words(place), loc="left", pad=4)
    grid[0].xaxis.set_major_locator(FixedLocator([1, 4, 7, 10]))
    _decades(grid[0], _lowest(gradients))
    grid[0].legend(loc="lower right", handlelength=2.6)
    name_axes(figure, words("hidden_layer"), words("relative_gradient"))
    return figure


def _draw_depths(data: Content, width_inches: float) -> Figure:
    words, by_depth = data["words"], data["by_depth"]
    figure, grid = panels(len(PLACES), width_inches, 2.1)
    places = range(len(DEPTHS))
    for axes, place in zip(grid, PLACES, strict=True):
        for name, spreads in by_depth[place].items():
            axes.plot(places, [each["mean"] for each in spreads], label=TITLES[name], linewidth=1.5, **STYLE[name])
            low, high = ([each[end] for each in spreads] for end in ("low", "high"))
            axes.fill_between(places, low, high, color=STYLE[name]["color"], alpha=0.15, linewidth=0)
        _mark_vanished(axes)
        axes.set_title(words(place), loc="left", pad=4)
    grid[0].set_xlim(-0.25, len(DEPTHS) - 0.75)
    grid[0].set_xticks(places, [str(depth) for depth in DEPTHS])
    _decades(grid[0], min(each["low"] for of in by_depth.values() for row in of.values() for each in row))
    grid[0].legend(loc="lower left", handlelength=2.6)
    name_axes(figure, words("depth"), words("first_over_last"))
    return figure


def _mark_vanished(axes: Axes) -> None:
    """The line below which a gradient has vanished by the claims' rule."""
    axes.axhline(-1, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.grid(visible=True, axis="y")


def _lowest(gradients: Mapping[str, Mapping[str, Sequence[float]]]) -> float:
    return min(value for of in gradients.values() for profile in of.values() for value in profile)


def _decades(axes: Axes, lowest: float) -> None:
    """An axis of log10 with ticks as powers of ten."""
    every = 1 if lowest > -6 else 2 if lowest > -10 else 4
    axes.yaxis.set_major_locator(MultipleLocator(every))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(round(value))))


def power_of_ten(exponent: int) -> str:
    """`10⁻³`, or `1`.

    Args:
        exponent: Of ten.
    """
    return "1" if exponent == 0 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _draw_saturation(data: Content, width_inches: float) -> Figure:
    words, saturation = data["words"], data["saturation"]
    figure, grid = panels(2, width_inches, 2.3)
    for axes, (depth, of) in zip(grid, saturation.items(), strict=True):
        for name in ("sigmoid", "tanh", "relu"):
            each = of[name]
            label = words("relu_off") if name == "relu" else TITLES[name]
            axes.plot(each["steps"], [100 * value for value in each["fraction"]], label=label, **STYLE[name])
        axes.grid(visible=True, axis="y")
        axes.set_title(words("of_depth", depth=depth), loc="left", pad=4)
    grid[0].set_ylim(-2, 100)
    grid[0].legend(loc="upper left")
    name_axes(figure, words("step"), words("saturated"))
    return figure


def _draw_learning(data: Content, width_inches: float) -> Figure:
    words, accuracy = data["words"], data["accuracy"]
    figure = Figure(figsize=(width_inches, 3.2))
    axes = figure.add_axes((0.62 / width_inches, 0.15, 1 - 2.2 / width_inches, 0.8))
    for index, (name, of_depths) in enumerate(accuracy.items()):
        x = [place + 0.08 * (index - 1.5) for place in range(len(DEPTHS))]
        spreads = [each["accuracy"] for each in of_depths]
        errors = [100 * (1 - each["mean"]) for each in spreads]
        ends = [100 * (1 - each["high"]) for each in spreads], [100 * (1 - each["low"]) for each in spreads]
        axes.vlines(x, *ends, color=STYLE[name]["color"], linewidth=1)
        axes.plot(x, errors, label=TITLES[name], **STYLE[name])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator([2, 3, 5, 10, 20, 50, 90]))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xticks(range(len(DEPTHS)), [str(depth) for depth in DEPTHS])
    axes.set(xlabel=words("depth"), ylabel=words("test_error"))
    axes.grid(visible=True, axis="y")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), labelcolor=INK)
    return figure


def _zigzag(data: Mapping[str, Any], words: Words) -> Table:
    columns = ("per_example", "per_batch", "cosine_2", "cosine_5")
    rows = [[TITLES[name], *(_number(each[column], 2) for column in columns)] for name, each in data["signs"].items()]
    return Table([words("activation"), *(words(column) for column in columns)], rows)


def _dead(data: Mapping[str, Any], words: Words) -> Table:
    rows = [
        [TITLES[name], *(f"{100 * fraction:.1f} %" for fraction in data["dead"][name])]
        for name in ("relu", "leaky_relu")
    ]
    return Table([words("activation"), *(words("of_depth", depth=depth) for depth in DEPTHS)], rows)


def _costs(data: Mapping[str, Any], words: Words) -> Table:
    columns = ("network", "network_ratio", "alone", "alone_ratio")
    rows = [
        [TITLES.get(name, words("identity")), *(_number(each[column], 2) for column in columns)]
        for name, each in data["costs"].items()
    ]
    return Table([words("activation"), *(words(column) for column in columns)], rows)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")
