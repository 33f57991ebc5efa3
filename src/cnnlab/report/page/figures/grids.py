"""Figures of cells with a number or a sign: heat map, per-class accuracy, comparisons."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, display_width, short_names, shortened
from cnnlab.report.page.figures.style import (
    BLUE,
    CHARACTER_INCHES,
    GREEN,
    GRID,
    GROUND,
    INK,
    MUTED,
    ORANGE,
    row_names,
    styled,
)

MAX_ROWS = 40
SIGNS = {"better": "+", "worse": "−", "equivalent": "=", "undecided": "?"}
OPPOSITE = {"better": "worse", "worse": "better"}
CELL_COLORS = {"better": BLUE, "worse": ORANGE, "equivalent": GREEN, "undecided": "none"}


def verdict_grid(content: Content) -> list[list[str | None]]:
    """The verdict of each configuration of a row against that of a column, None where they were not compared.

    Args:
        content: report.json's.
    """
    order = {configuration["id"]: row for row, configuration in enumerate(content["configurations"][:MAX_ROWS])}
    grid: list[list[str | None]] = [[None] * len(order) for _ in order]
    for comparison in content["comparisons"] or []:
        first, second = order.get(comparison["first"]), order.get(comparison["second"])
        if first is not None and second is not None:
            verdict = comparison["verdict"]
            grid[first][second], grid[second][first] = verdict, OPPOSITE.get(verdict, verdict)
    return grid


@styled
def draw_comparisons(content: Content, width_inches: float) -> Figure | None:
    """Which pairs differ, and in which direction: a sign for each row's configuration against each column's.

    Args:
        content: report.json's.
        width_inches: As wide as its cells whatever that is.
    """
    grid = verdict_grid(content)
    if not any(verdict for row in grid for verdict in row):
        return None
    texts, names = Texts(content["language"]), list(short_names(content, 30).values())[: len(grid)]
    cell = 0.3 if len(grid) <= 18 else 0.21
    left = CHARACTER_INCHES * max(map(display_width, names)) + 0.5
    side, top, bottom = cell * len(grid), 0.35, 0.4
    width, height = max(left + side + 0.15, 5.6), top + side + bottom
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    _prepare(axes, names, [str(i + 1) for i in range(len(names))])
    row_names(axes, names, 0, 1 / side)
    for y, row in enumerate(grid):
        for x, verdict in enumerate(row):
            if x == y:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=GRID, linewidth=0))
            elif verdict:
                axes.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, color=CELL_COLORS[verdict], linewidth=0))
                color = MUTED if verdict == "undecided" else GROUND
                axes.text(x, y, SIGNS[verdict], ha="center", va="center", color=color)
    found = {verdict for row in grid for verdict in row}
    key = ",  ".join(f"{sign} {texts(f'verdict.{verdict}')}" for verdict, sign in SIGNS.items() if verdict in found)
    figure.text(0.02, 0.1 / height, texts("matrix_key", key=key), color=MUTED)
    return figure


@styled
def draw_heat_map(content: Content, width_inches: float) -> Figure | None:
    """Accuracy by two varied values; a cell each, with its number.

    Args:
        content: report.json's.
        width_inches: At most, if the cells fit.
    """
    heat_map = content["heat_map"]
    if not heat_map:
        return None
    split = next((split for split in ("val", "test") if _any_number(heat_map[split])), None)
    if split is None:
        return None
    texts = Texts(content["language"])
    rows, columns = ([str(value) for value in heat_map[key]] for key in ("row_values", "column_values"))
    title = texts("heat_map_title", split=texts(f"split.{split}"))
    names = heat_map["rows"], heat_map["columns"]
    return _heat_map(heat_map[split], rows, columns, names, title, width_inches)


@styled
def draw_per_class(content: Content, width_inches: float) -> Figure | None:
    """Test accuracy of each configuration on each class.

    Args:
        content: report.json's.
        width_inches: At most, if the cells fit.
    """
    disagreement = content["disagreement"]
    if not disagreement or not disagreement["per_class"]:
        return None
    texts, names = Texts(content["language"]), short_names(content)
    by_id = {entry["configuration"]: entry["accuracy"] for entry in disagreement["per_class"]}
    ids = [configuration["id"] for configuration in content["configurations"] if configuration["id"] in by_id]
    values = [by_id[identity] for identity in ids[:MAX_ROWS]]
    if not _any_number(values):
        return None
    rows = [names[identity] for identity in ids[:MAX_ROWS]]
    axes = "", texts("axis.class")
    return _heat_map(values, rows, disagreement["classes"], axes, texts("per_class_title"), width_inches)


def _heat_map(
    fractions: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    names: tuple[str, str],
    title: str,
    width_inches: float,
) -> Figure:
    values = 100 * np.array(fractions, dtype=float)[:MAX_ROWS, :MAX_ROWS]
    rows, columns = ([shortened(name, 26) for name in labels[:MAX_ROWS]] for labels in (rows, columns))
    left = CHARACTER_INCHES * max(map(display_width, rows)) + (0.45 if names[0] else 0.25)
    across = max(map(display_width, columns))
    cell = min(0.95, max(0.52, (width_inches - left - 0.15) / len(columns)))
    is_turned = CHARACTER_INCHES * across > cell
    top, bottom = 0.35, 0.45 + (CHARACTER_INCHES * across * 0.75 if is_turned else 0.2)
    width, height = left + cell * len(columns) + 0.15, top + 0.31 * len(rows) + bottom
    width = max(width, 0.4 + CHARACTER_INCHES * display_width(title))
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, cell * len(columns) / width, 0.31 * len(rows) / height))
    _prepare(axes, rows, columns)
    if is_turned:
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor", color=INK)
    axes.xaxis.set_ticks_position("bottom")
    axes.tick_params(length=0)
    low, high = _color_range(values)
    palette = matplotlib.colormaps["viridis"]  # its lightness rises evenly: the same order in black and white
    for (y, x), value in np.ndenumerate(values):
        share = float(np.clip((value - low) / (high - low), 0, 1)) if np.isfinite(value) else 0.0
        color = palette(0.15 + 0.85 * share) if np.isfinite(value) else (0.0, 0.0, 0.0, 0.0)
        axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=color, linewidth=0))
        is_bright = np.dot(np.power(color[:3], 2.2), (0.2126, 0.7152, 0.0722)) > 0.18
        text_color = MUTED if not np.isfinite(value) else "#000000" if is_bright else "#ffffff"
        text = f"{value:.2f}" if np.isfinite(value) else "–"
        axes.text(x, y, text, ha="center", va="center", color=text_color, fontsize=8.5)
    axes.set_xlabel(shortened(names[1], 60))
    if names[0]:
        figure.text(0.1 / width, axes.get_position().y1 + 0.1 / height, shortened(names[0], 20), color=MUTED)
        figure.text((left + 0.02) / width, axes.get_position().y1 + 0.1 / height, title, color=MUTED)
    else:
        figure.text(0.1 / width, axes.get_position().y1 + 0.1 / height, title, color=MUTED)
    return figure


def _prepare(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), rows, color=INK)
    axes.set_xticks(range(len(columns)), columns, color=INK)
    axes.xaxis.set_ticks_position("top")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _color_range(values: np.ndarray) -> tuple[float, float]:
    """The best and the worst, but a few far behind do not make all others alike."""
    finite = values[np.isfinite(values)]
    high, middle = float(finite.max()), float(np.median(finite))
    low = max(float(finite.min()), high - 4 * max(high - middle, 0.05))
    return low, high if high > low else low + 1


def _any_number(rows: Sequence[Sequence[float | None]] | None) -> bool:
    return any(value is not None for row in rows or [] for value in row)
