"""The dot plot: each configuration's accuracy with its interval, and which cannot be told apart."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, display_width, short_names, split_shown
from cnnlab.report.page.figures.style import (
    BLUE,
    CHARACTER_INCHES,
    GROUND,
    INK,
    MUTED,
    ORANGE,
    row_names,
    styled,
)

MAX_ROWS = 40
LANE_INCHES = 0.12
BRACKET = [(-1, 2), (1, 2), (1, -2), (-1, -2), (1, -2), (1, 2)]  # there and back: a marker is closed


@dataclass(frozen=True)
class Row:
    """A configuration of the dot plot; accuracies in per cent, None where nothing was measured."""

    label: str
    mean: float | None
    low: float | None
    high: float | None
    values: list[float]
    val_mean: float | None
    n: int
    num_runs: int
    survivors_only: bool


def rows_of(content: Content, label_width: int = 28) -> list[Row]:
    """The rows of the dot plot, in the list's order, `MAX_ROWS` at most.

    Args:
        content: report.json's.
        label_width: Of a label, in characters.
    """
    split, names = split_shown(content) or "test", short_names(content, label_width)
    rows = []
    for configuration in content["configurations"][:MAX_ROWS]:
        shown, val = configuration[split] or {}, configuration["val"] if split == "test" else None
        missing = sum(configuration[f"num_{state}"] for state in ("diverged", "failed", "other"))
        values = [100 * value for value in shown.get("values", []) if value is not None]
        mean, low, high = (_percent(shown.get(key)) for key in ("mean", "low", "high"))
        rows.append(
            Row(
                label=names[configuration["id"]],
                mean=mean,
                low=low,
                high=high,
                values=values,
                val_mean=_percent(val["mean"]) if val else None,
                n=len(values),
                num_runs=configuration["n"] + missing,
                survivors_only=configuration["survivors_only"],
            )
        )
    return rows


def window(rows: list[Row]) -> tuple[float, float]:
    """The part of the axis that is drawn: everything, unless a few far behind would squeeze the rest.

    Args:
        rows: At least one with a mean.

    Returns:
        Its ends, per cent; what is below is drawn as an arrow with its number.
    """
    starts, ends = [], []
    for row in rows:
        if row.mean is not None:
            values = [*row.values, row.mean, *([row.val_mean] if row.val_mean is not None else [])]
            room = 1.5 * (max(values) - min(values)) + 0.1  # intervals of two seeds are wider than any axis
            starts.append(min(*values, max(row.low if row.low is not None else row.mean, min(values) - room)))
            ends.append(max(*values, min(row.high if row.high is not None else row.mean, max(values) + room)))
    high, better = max(ends), sorted(starts, reverse=True)[: max(2, math.ceil(len(starts) / 2))]
    low = min(starts)
    width = max(high - min(better), 0.3)
    if high - low > 8 * width:
        low = min(start for start in starts if high - start <= 5 * width)
    margin = 0.06 * max(high - low, 0.1)
    return max(low - margin, -1.0), min(high + margin, 100 + margin)


def lanes_of(content: Content, num_rows: int) -> list[tuple[int, list[int]]]:
    """Where the brackets of the groups stand: a lane each, as far left as no other is in the way.

    Args:
        content: report.json's.
        num_rows: How many rows are drawn.

    Returns:
        Lanes from 0, and the rows of the group's configurations.
    """
    row_of = {configuration["id"]: row for row, configuration in enumerate(content["configurations"][:num_rows])}
    ends: list[int] = []  # the last row of each lane
    placed = []
    for rows in sorted(sorted(row_of[member] for member in group if member in row_of) for group in content["groups"]):
        if len(rows) >= 2:
            lane = next((lane for lane, end in enumerate(ends) if end < rows[0]), len(ends))
            ends[lane:lane + 1] = [rows[-1]]  # fmt: skip
            placed.append((lane, rows))
    return placed


def has_brackets(content: Content) -> bool:
    """Whether the dot plot has a bracket.

    Args:
        content: report.json's.
    """
    return bool(lanes_of(content, min(len(content["configurations"]), MAX_ROWS)))


@styled
def draw_dot_plot(content: Content, width_inches: float) -> Figure | None:
    """Accuracy of each configuration in the list's order: mean, interval, every seed, brackets of groups.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    split, rows = split_shown(content), rows_of(content, 36 if width_inches > 6 else 18)
    if split is None or not any(row.mean is not None for row in rows):
        return None
    texts, lanes = Texts(content["language"]), lanes_of(content, len(rows))
    num_lanes = max((lane for lane, _ in lanes), default=-1) + 1
    left = CHARACTER_INCHES * max(display_width(row.label) for row in rows) + 0.58
    right, top, bottom = 0.62 + LANE_INCHES * num_lanes, 0.66, 0.45
    height = 0.3 * len(rows) + 0.1 + top + bottom
    figure = Figure(figsize=(width_inches, height))
    axes = figure.add_axes(
        (left / width_inches, bottom / height, 1 - (left + right) / width_inches, 1 - (bottom + top) / height)
    )
    low, high = window(rows)
    measured = "accuracy" if any(row.val_mean is not None for row in rows) else f"{split}_accuracy"  # of both splits
    axes.set(xlim=(low, high), ylim=(len(rows) - 0.4, -0.6), xlabel=texts(f"axis.{measured}"))
    axes.xaxis.set_major_locator(MaxNLocator(7 if width_inches > 6 else 5, steps=[1, 2, 5, 10]))
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    across = axes.get_yaxis_transform()
    inches = 1 / (width_inches - left - right)
    row_names(axes, [row.label for row in rows], 0, inches)
    for y, row in enumerate(rows):
        _draw_row(axes, y, row, (low, high), texts)
        axes.text(1 + 0.3 * inches, y, _count(row), transform=across, ha="right", va="center", color=MUTED)
    axes.text(1 + 0.3 * inches, -0.9, "n", transform=across, ha="right", va="center", color=MUTED)
    for lane, members in lanes:
        x = 1 + (0.48 + LANE_INCHES * lane) * inches
        for y in members:
            axes.plot([x - 0.05 * inches, x], [y, y], transform=across, clip_on=False, color=INK, linewidth=1)
        axes.plot([x, x], [members[0], members[-1]], transform=across, clip_on=False, color=INK, linewidth=1)
    figure.legend(
        handles=_legend(split, rows, bool(lanes), texts), loc="upper left", bbox_to_anchor=(0, 1), ncols=3,
        handletextpad=0.4, columnspacing=1.2, handlelength=2, borderaxespad=0.2, labelcolor=MUTED, fontsize=8.5,
    )  # fmt: skip
    return figure


def _draw_row(axes: Axes, y: int, row: Row, limits: tuple[float, float], texts: Texts) -> None:
    if row.mean is None:
        axes.text(limits[0], y, "  " + texts("nothing_measured"), va="center", color=ORANGE)
        return
    if row.mean < limits[0]:
        axes.text(limits[0], y, "  ◂ " + texts("percent", value=f"{row.mean:.2f}"), va="center", color=MUTED)
        return
    if len(row.values) > 1:
        axes.plot(row.values, [y + 0.25] * len(row.values), "|", color=MUTED, markersize=4, markeredgewidth=0.9)
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [y, y], color=BLUE, linewidth=2.2, solid_capstyle="butt")
    if row.val_mean is not None and row.val_mean >= limits[0]:
        axes.plot(row.val_mean, y - 0.25, "D", color=MUTED, markersize=4, markerfacecolor=GROUND, markeredgewidth=0.9)
    face = GROUND if row.survivors_only else BLUE
    axes.plot(row.mean, y, "o", color=BLUE, markersize=6.5, markerfacecolor=face, markeredgewidth=1.6)


def _count(row: Row) -> str:
    return f"{row.n}/{row.num_runs}†" if row.survivors_only else str(row.n)


def _legend(split: str, rows: list[Row], has_groups: bool, texts: Texts) -> list[Line2D]:
    def sample(key: str, **style: object) -> Line2D:
        return Line2D([], [], **({"color": BLUE} | style), label=texts(key))  # type: ignore[arg-type]

    survivors = any(row.survivors_only for row in rows)
    return [
        sample(f"legend.{split}_mean", marker="o", markersize=6.5, linestyle="none"),
        *([sample("legend.interval", linewidth=2.2)] if any(row.low is not None for row in rows) else []),
        *(
            [sample("legend.seed", marker="|", markersize=5, linestyle="none", color=MUTED)]
            if any(len(row.values) > 1 for row in rows)
            else []
        ),
        *([sample("legend.val_mean", marker="D", markersize=4, linestyle="none", color=MUTED, markerfacecolor=GROUND)]
          if any(row.val_mean is not None for row in rows) else []),
        *([sample("legend.group", marker=BRACKET, markersize=9, linestyle="none", color=INK, markerfacecolor="none")]
          if has_groups else []),
        *([sample("legend.survivors", marker="o", markersize=6.5, linestyle="none", markerfacecolor=GROUND)]
          if survivors else []),
    ]  # fmt: skip


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
