"""What the section on convolution shows."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import BLUE, FAINT, INK, MUTED, ORANGE

Numbers = Sequence[Sequence[int]]


def show(data: dict[str, Any], words: Words) -> Shown:
    """Figures, tables and both examples to step through.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    examples = data["examples"]
    return Shown(
        figures={
            "examples": drawn(_draw_examples, data, words),
            "matrix": drawn(_draw_matrix, data, words),
            "shifts": drawn(_draw_shifts, data, words),
        },
        tables={
            "sizes": _sizes(data, words),
            "flips": _flips(data, words),
            "counts": _counts(data, words),
            "shared": _shared(data, words),
        },
        widgets={
            name: {
                "kind": "convolution",
                **{key: examples[name][key] for key in ("input", "kernel", "stride", "padding")},
            }
            for name in examples
        },
    )


def _cells(axes: Axes, grid: Numbers, *, has_numbers: bool = True) -> None:
    """A grid of cells: positive numbers on blue, negative ones on orange, as strong as they are large."""
    height, width = len(grid), len(grid[0])
    largest = max(1, max(abs(number) for row in grid for number in row))
    for y, row in enumerate(grid):
        for x, number in enumerate(row):
            if number:
                color = BLUE if number > 0 else ORANGE
                axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, alpha=0.15 + 0.6 * abs(number) / largest))
            if has_numbers:
                text = f"{number}".replace("-", "−")
                axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=INK, fontsize=10)
    for x in range(width + 1):
        axes.plot([x, x], [0, height], color=FAINT, linewidth=0.6)
    for y in range(height + 1):
        axes.plot([0, width], [y, y], color=FAINT, linewidth=0.6)
    axes.set(xlim=(-0.1, width + 0.1), ylim=(height + 0.1, -0.1), aspect="equal")
    axes.set_axis_off()
    axes.set_anchor("N")


def _padded(grid: Numbers, padding: int) -> list[list[int]]:
    width = len(grid[0]) + 2 * padding
    border = [[0] * width for _ in range(padding)]
    return [*border, *([0] * padding + list(row) + [0] * padding for row in grid), *border]


def _draw_examples(content: Content, width_inches: float) -> Figure:
    words, examples = content["words"], content["examples"]
    figure = Figure(figsize=(width_inches, 5.6))
    grid = figure.subplots(2, 3, width_ratios=(5, 4, 4), squeeze=False)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.92, wspace=0.25, hspace=0.28)
    for row, (name, example) in zip(grid, examples.items(), strict=True):
        padding, stride = example["padding"], example["stride"]
        for axes, part in zip(
            row, (_padded(example["input"], padding), example["kernel"], example["output"]), strict=True
        ):
            _cells(axes, part)
        num = len(example["kernel"])
        for axes, extent in ((row[0], num), (row[2], 1)):  # the first window, and what it gives
            axes.add_patch(
                Rectangle((0, 0), extent, extent, fill=False, edgecolor=INK, linewidth=2, clip_on=False, zorder=4)
            )
        second = Rectangle((stride, 0), num, num, fill=False, edgecolor=MUTED, linewidth=1.2, linestyle="--", zorder=3)
        row[0].add_patch(second)
        row[0].set_title(f"{words.condition(name)} · {words('input')}", loc="left")
        row[1].set_title(words("kernel"), loc="left")
        row[2].set_title(words("output"), loc="left")
    return figure


def _draw_matrix(content: Content, width_inches: float) -> Figure:
    """The 9 × 25 matrix of a 3×3 kernel on 5×5 pixels; equal weights have equal numbers."""
    words, matrix = content["words"], content["shared"]["matrix"]
    figure = Figure(figsize=(width_inches, 3.7))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.02, top=0.92)
    _cells(axes, matrix, has_numbers=False)
    for y, row in enumerate(matrix):
        for x, number in enumerate(row):
            if number:
                axes.text(x + 0.5, y + 0.5, f"w{number}", ha="center", va="center", color=INK, fontsize=8)
    axes.set_title(words("pixels"), loc="left")
    axes.text(-0.4, 4.5, words("units"), rotation=90, ha="center", va="center", color=MUTED)
    axes.set_xlim(-0.7, 25.1)
    return figure


def _draw_shifts(content: Content, width_inches: float) -> Figure:
    words, shifts = content["words"], content["shifts"]
    figure = Figure(figsize=(width_inches, 2.75))
    names = ("image", "map", "shifted", "shifted_map")
    for axes, name in zip(figure.subplots(1, 4, width_ratios=(12, 10, 12, 10)), names, strict=True):
        _cells(axes, shifts[name], has_numbers=False)
        axes.set_title(words(name), loc="left")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.88, wspace=0.12)
    return figure


def _sizes(data: dict[str, Any], words: Words) -> Table:
    head = [words(key) for key in ("size", "kernel", "stride", "padding", "dilation", "formula", "by_torch")]
    return Table(head, [[str(number) for number in row] for row in data["sizes"]["shown"]])


def _flips(data: dict[str, Any], words: Words) -> Table:
    def text(grid: Numbers) -> str:
        return " / ".join(" ".join(str(number) for number in row) for row in grid).replace("-", "−")

    rows = [[words(name), text(grid)] for name, grid in data["flips"].items()]
    return Table([words("computation"), words("map_rows")], rows)


def _counts(data: dict[str, Any], words: Words) -> Table:
    rows = [
        [words.condition(row["layer"]), row["formula"], f"{row['by_hand']:,}", f"{row['counted']:,}"]
        for row in data["counts"]
    ]
    totals = [f"{sum(row[key] for row in data['counts']):,}" for key in ("by_hand", "counted")]
    head = [words("layer"), words("formula"), words("by_hand"), words("by_torch")]
    return Table(head, [*rows, [words.condition("all_layers"), "", *totals]])


def _shared(data: dict[str, Any], words: Words) -> Table:
    rows = [
        [words.condition(row["layer"]), f"{row['convolution']:,}", f"{row['linear']:,}",
         f"{row['linear'] / row['convolution']:,.0f}"]
        for row in data["shared"]["layers"]
    ]  # fmt: skip
    return Table([words(key) for key in ("layer", "convolution", "linear", "ratio")], rows)
