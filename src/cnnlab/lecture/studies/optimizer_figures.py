"""What the section on optimisers shows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.figures.style import (
    DASHES,
    FAINT,
    INK,
    MARKERS,
    SERIES,
    WIDE_INCHES,
    error_axis,
    styled,
)

Draw = Callable[[dict[str, Any], Words], Figure]
LOOKS = {
    name: {"color": color, "linestyle": dash, "marker": marker}
    for name, color, dash, marker in zip(
        ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"), SERIES, DASHES, MARKERS, strict=True
    )
}
LOOKS["adagrad_lecture"] = {**LOOKS["adagrad"], "linestyle": DASHES[2], "marker": "x"}


def show(data: dict[str, Any], words: Words) -> Shown:
    """The section's figures, tables and widget.

    Args:
        data: Of `optimizer.measure`.
        words: In the language of the page.
    """
    figures: dict[str, Draw] = {
        "best_paths": _draw_paths,
        "effective_rates": _draw_effective,
        "rates": _draw_trials,
        "slice": _draw_slice,
    }
    return Shown(
        figures={name: _styled(draw, data, words) for name, draw in figures.items()},
        tables={
            "surfaces": _surfaces_table(data, words),
            "epsilon": _epsilon_table(data, words),
            "accuracy": _accuracy_table(data, words),
            "walk": _walk_table(data, words),
        },
        widgets={"paths": _paths_widget(data, words)},
    )


def _styled(draw: Draw, data: dict[str, Any], words: Words) -> Figure:
    figure = styled(lambda content, _width: draw(content, words))(data)
    assert figure is not None
    return figure


def _draw_paths(data: dict[str, Any], words: Words) -> Figure:
    """The four surfaces, with a path of each optimiser at its best learning rate."""
    figure = Figure((WIDE_INCHES, 6.9), layout="constrained")
    for axes, (name, surface) in zip(figure.subplots(2, 2).flat, data["surfaces"].items(), strict=True):
        levels = np.linspace(0.03, 1, 11) ** 2
        _draw_surface(axes, surface, data["best_paths"][name], levels, words)
        axes.plot(*surface["minimum"], "*", color=INK, markersize=11, zorder=5)
        axes.set_xlabel("x", labelpad=1)
        axes.set_ylabel("y", labelpad=1, rotation=0)
        noise = words("with_noise" if name == "saddle" else "without_noise")
        axes.set_title(f"{words(name)}, {noise}", loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


def _draw_slice(data: dict[str, Any], words: Words) -> Figure:
    """The loss on MNIST on a plane, with the path of each optimiser."""
    figure = Figure((WIDE_INCHES, 5.2), layout="constrained")
    axes = figure.subplots()
    _draw_surface(axes, data["slice"], data["slice"]["paths"], np.linspace(0, 1, 16)[1:] ** 3, words)
    first, second = (f"{100 * each:.0f}" for each in data["slice"]["explained"])
    axes.set_xlabel(words("first_direction", share=first))
    axes.set_ylabel(words("second_direction", share=second))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _draw_surface(axes: Axes, surface: Mapping[str, Any], paths: Mapping[str, Any], levels: Any, words: Words) -> None:
    """Contours and paths from a common start.

    Args:
        axes: Where.
        surface: x, y and z, (y, x).
        paths: Of each optimiser.
        levels: Of the contours, from 0 for the smallest loss to 1 for the greatest.
        words: With the optimisers' names.
    """
    losses = np.array(surface["z"])
    heights = losses.min() + (losses.max() - losses.min()) * levels
    axes.contour(surface["x"], surface["y"], losses, levels=heights, colors=FAINT, linewidths=0.7, linestyles="-")
    axes.set_xlim(min(surface["x"]), max(surface["x"]))
    axes.set_ylim(min(surface["y"]), max(surface["y"]))
    size = np.ptp([axes.get_xlim(), axes.get_ylim()], axis=1)
    for optimizer, path in paths.items():
        x, y = _apart(np.array(path), 0.025 * size).T
        axes.plot(x, y, **LOOKS[optimizer], markersize=3, linewidth=1.3, label=words(optimizer))
    axes.plot(*paths["sgd"][0], "o", color=INK, markersize=6, zorder=5)


def _apart(path: Any, least: Any) -> Any:
    """The points of a path that are some way from the last one that is kept: others cannot be told apart."""
    kept = [path[0]]
    for point in path[1:]:
        if (np.abs(point - kept[-1]) > least).any():
            kept.append(point)
    return np.array(kept)


def _draw_effective(data: dict[str, Any], words: Words) -> Figure:
    """The median effective learning rate over the steps, of each adaptive optimiser."""
    figure = Figure((WIDE_INCHES, 3.3), layout="constrained")
    axes = figure.subplots()
    steps = np.array(data["effective"]["steps"])
    for optimizer, decades in data["effective"]["decades"].items():
        values = 10 ** np.array(decades)  # (seeds, steps)
        look = LOOKS[optimizer]
        axes.plot(steps, values.mean(axis=0), **look, markersize=4.5, linewidth=1.6, label=words(optimizer))
        axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=look["color"], alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y")
    axes.set_xlabel(words("step"))
    axes.set_ylabel(words("effective_rate"))
    figure.legend(loc="outside right upper")
    return figure


def _draw_trials(data: dict[str, Any], words: Words) -> Figure:
    """Validation error by learning rate, of each optimiser."""
    figure = Figure((WIDE_INCHES, 3.6), layout="constrained")
    axes = figure.subplots()
    errors = []
    for optimizer, look in LOOKS.items():
        trials = data["trials"].get(optimizer, [])
        if not trials or optimizer == "adagrad_lecture":  # it would cover Adagrad
            continue
        rates, accuracies = np.array(trials).T
        error = 100 * (1 - accuracies)
        errors += list(error)
        axes.plot(rates, error, **look, markersize=5, linewidth=1.6, label=words(optimizer))
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    error_axis(axes, max(min(errors), 0.1), max(errors))
    axes.grid(axis="y")
    axes.set_xlabel(words("rate"))
    axes.set_ylabel(words("validation_error"))
    figure.legend(loc="outside right upper")
    return figure


def _surfaces_table(data: dict[str, Any], words: Words) -> Table:
    """Steps to the target and shares, without and with noise, each with its learning rate."""
    head = [words("optimizer")]
    for name in data["surfaces"]:
        title = words("two_valleys_short" if name == "two_valleys" else name)
        if name != "saddle":
            head.append(f"{title}, {words('without_noise')}")
        head.append(f"{title}, {words('with_noise')}")
    rows = []
    for optimizer in data["descents"]["ravine"]["exact"]:
        row = [words(optimizer)]
        for name, both in data["descents"].items():
            row += [
                _cell(name, each[optimizer], words)
                for noise, each in both.items()
                if not (name == "saddle" and noise == "exact")  # nothing leaves it
            ]
        rows.append(row)
    return Table(head, rows)


def _cell(surface: str, found: Mapping[str, Any], words: Words) -> str:
    rate = f"{found['rate']:.2g}"
    if surface == "two_valleys":
        return words("share_at", share=f"{100 * np.mean(found['good']):.0f}", rate=rate)
    return words("steps_at", steps=f"{10 ** np.mean(found['decades']):.0f}", rate=rate)


def _epsilon_table(data: dict[str, Any], words: Words) -> Table:
    head = [words(key) for key in ("step", "median_root", "share_of_zeros", "share_apart", "smallest_ratio")]
    rows = [
        [
            str(each["step"]),
            f"{each['median_root']:.2g}",
            f"{100 * each['share_of_zeros']:.1f} %",
            f"{100 * each['share_apart']:.1f} %",
            f"{each['smallest_ratio']:.2g}",
        ]
        for each in data["effective"]["epsilon"]
    ]
    return Table(head, rows)


def _accuracy_table(data: dict[str, Any], words: Words) -> Table:
    head = [words("optimizer"), words("rate"), words("test_accuracy"), words("over_seeds")]
    rows = [
        [
            words(optimizer),
            f"{each['rate']:g}",
            f"{100 * np.mean(each['test']):.2f} %",
            f"{100 * min(each['test']):.2f} – {100 * max(each['test']):.2f} %",
        ]
        for optimizer, each in data["accuracy"].items()
    ]
    return Table(head, rows)


def _walk_table(data: dict[str, Any], words: Words) -> Table:
    """How much of each path's variance is in its own two principal directions, beside a random walk."""
    found = {words(name): each for name, each in data["slice"]["explained_of_each"].items()}
    found[words("walk")] = data["slice"]["explained_of_walk"]
    rows = [[name, *(f"{100 * share:.0f} %" for share in (*each, sum(each)))] for name, each in found.items()]
    return Table([words(key) for key in ("path", "first", "second", "together")], rows)


def _paths_widget(data: dict[str, Any], words: Words) -> dict[str, Any]:
    return {
        "kind": "paths",
        "surfaces": {name: {"label": words(name), **surface} for name, surface in data["surfaces"].items()},
        "paths": data["paths"]["exact"],
        "optimizers": {name: words(name) for name in data["best_paths"]["ravine"]},
        "noisy": data["paths"]["noisy"],
    }
