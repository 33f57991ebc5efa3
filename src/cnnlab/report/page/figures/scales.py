"""Figures along numeric scales: learning-rate sensitivity, shares of variance, parallel coordinates."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, display_width, shortened
from cnnlab.report.page.figures.curves import MAX_PANELS, errors_of
from cnnlab.report.page.figures.style import (
    BLUE,
    CHARACTER_INCHES,
    DASHES,
    FAINT,
    GROUND,
    INK,
    MARKERS,
    MAX_LINES,
    SERIES,
    error_axis,
    name_axes,
    panels,
    styled,
)

MAX_FACTORS = 20
MAX_AXES = 8
MAX_CONFIGURATIONS = 400


@styled
def draw_sensitivity(content: Content, width_inches: float) -> Figure | None:
    """Validation error by one varied number, on logarithmic axes.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    sensitivity = content["sensitivity"]
    lines = [line for line in (sensitivity or {}).get("lines", []) if any(value is not None for value in line["val"])]
    if not lines:
        return None
    lines = lines[:MAX_PANELS]
    texts = Texts(content["language"])
    is_together = len(lines) <= MAX_LINES
    figure, grid = panels(1 if is_together else len(lines), width_inches, 3.0 if is_together else 1.5)
    errors = []
    for index, line in enumerate(lines):
        axes = grid[0] if is_together else grid[index]
        style = index if is_together else 0
        x, median = np.array(line["x"], dtype=float), errors_of(line["val"], len(line["x"]))
        best, worst = (errors_of(line.get(key), len(x)) for key in ("high", "low"))
        label = shortened(str(line["label"]), 26)
        axes.fill_between(x, best, worst, color=SERIES[style], alpha=0.13, linewidth=0)
        axes.plot(x, median, color=SERIES[style], linestyle=DASHES[style], marker=MARKERS[style], ms=4.5, label=label)
        axes.set_title("" if is_together else label, loc="left", pad=4, color=INK)
        axes.grid(visible=True, axis="y")
        errors += [median, best, worst]
    numbers = np.concatenate([np.array(line["x"], dtype=float) for line in lines])
    if (numbers > 0).all():
        grid[0].set_xscale("log")
    error_axis(grid[0], float(np.nanmin(np.concatenate(errors))), float(np.nanmax(np.concatenate(errors))))
    if is_together and len(lines) > 1:
        grid[0].legend(loc="best")
    distinct = sorted(set(numbers.tolist()))
    for axes in grid:
        if len(distinct) <= (9 if is_together else 5):
            axes.set_xticks(distinct)
            axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    name_axes(figure, shortened(sensitivity["name"], 50), texts("axis.val_error"))
    return figure


@styled
def draw_effects(content: Content, width_inches: float) -> Figure | None:
    """The share of the variance that each factor and interaction of a factorial sweep explains.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    factors = (content["effects"] or {}).get("factors", [])[:MAX_FACTORS]
    if not factors:
        return None
    names = [shortened(factor["name"], 44 if width_inches > 6 else 22) for factor in factors]
    left = CHARACTER_INCHES * max(map(display_width, names)) + 0.2
    height = 0.3 * len(factors) + 0.55
    figure = Figure(figsize=(width_inches, height))
    axes = figure.add_axes(
        (left / width_inches, 0.45 / height, 1 - (left + 0.6) / width_inches, 0.3 * len(factors) / height)
    )
    texts = Texts(content["language"])
    shares = [100 * factor["share"] for factor in factors]
    axes.barh(range(len(factors)), shares, height=0.62, color=BLUE)
    for y, share in enumerate(shares):
        axes.text(max(share, 0) + 0.8, y, texts("percent", value=f"{share:.1f}"), va="center", color=INK)
    axes.set(ylim=(len(factors) - 0.5, -0.5), xlim=(min(0, *shares), 100))
    axes.set_xlabel(texts("axis.share"))
    axes.set_yticks(range(len(factors)), names, color=INK)
    axes.grid(visible=True, axis="x")
    return figure


@styled
def draw_parallel(content: Content, width_inches: float) -> Figure | None:
    """Parallel coordinates, for three varied values or more: one line per configuration, the best quarter in blue.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    varied = content["varied"][:MAX_AXES]
    ranked = [(c["values"], c["val"]["mean"]) for c in content["configurations"] if c["val"]][:MAX_CONFIGURATIONS]
    if len(content["varied"]) < 3 or len(ranked) < 2:
        return None
    texts = Texts(content["language"])
    figure = Figure(figsize=(width_inches, 3.6))
    axes = figure.add_axes((0.09, 0.12, 0.82, 0.74))
    columns = [_positions([values.get(name) for values, _ in ranked]) for name in varied]
    accuracies = np.array([accuracy for _, accuracy in ranked])
    low, high = float(np.median(accuracies)) * 2 - float(accuracies.max()), float(accuracies.max())
    low = max(low, float(accuracies.min()))
    ends = {0.0: f"{'≤ ' * bool(low > accuracies.min())}{100 * low:.2f}", 1.0: f"{100 * high:.2f}"}
    columns.append((np.clip((accuracies - low) / max(high - low, 1e-9), 0, 1), ends))
    num_best = max(1, len(ranked) // 4)
    for index in np.argsort(accuracies):
        heights = [float(positions[index]) for positions, _ in columns]
        is_best = accuracies[index] >= np.sort(accuracies)[-num_best]
        color, width = (BLUE, 1.6) if is_best else (FAINT, 0.8)
        axes.plot(range(len(columns)), heights, color=color, linewidth=width)
    for x, (_, ticks) in enumerate(columns):
        axes.axvline(x, color=FAINT, linewidth=0.9)
        _tick(axes, x, ticks)
    names = [shortened(name, 84 // len(columns)) for name in [*varied, texts("axis.val_accuracy_short")]]
    axes.set_xticks(range(len(columns)), names, color=INK)
    axes.xaxis.set_ticks_position("top")
    axes.set(ylim=(-0.06, 1.06), xlim=(-0.1, len(columns) - 0.9), yticks=[])
    axes.spines[:].set_visible(False)
    return figure


def _tick(axes: Axes, x: int, ticks: dict[float, str]) -> None:
    for height, text in ticks.items():
        box = {"facecolor": GROUND, "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
        axes.text(x + 0.04, height, shortened(text, 16), va="center", fontsize=8.5, color=INK, bbox=box)


def _positions(values: list[Any]) -> tuple[np.ndarray, dict[float, str]]:
    """Where each value stands on its axis, from 0 to 1, and the axis's labels: numbers by size, words evenly."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.array(values, dtype=float)
        scaled = np.log(numbers) if (numbers > 0).all() and numbers.max() > 20 * numbers.min() else numbers
        width = float(np.ptp(scaled)) or 1.0
        heights = (scaled - scaled.min()) / width
        distinct = sorted({(float(height), f"{number:.3g}") for height, number in zip(heights, numbers, strict=True)})
        shown = distinct if len(distinct) <= 6 else [distinct[0], distinct[-1]]
        return heights, dict(shown)
    words = list(dict.fromkeys(str(value) for value in values))
    place = {word: index / max(len(words) - 1, 1) for index, word in enumerate(words)}
    labels = {height: word for word, height in place.items()} if len(words) <= 12 else {}
    return np.array([place[str(value)] for value in values]), labels
