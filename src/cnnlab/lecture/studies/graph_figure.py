"""The lecture's network as three graphs: recorded in training, recorded in evaluation, captured by torch.export."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.style import BLUE, FAINT, GREEN, INK, MUTED, ORANGE

BOX_WIDTH, BOX_HEIGHT = 2.3, 0.62
COLUMN_WIDTH = 3.3


class Box(NamedTuple):
    """An operation in its row.

    Attributes:
        row: From the top.
        name: Of the operation.
        parameters: Of the network, that it uses.
    """

    row: int
    name: str
    parameters: Sequence[str]


def draw_graphs(content: Content, width_inches: float) -> Figure:
    """Three columns with the same operations in the same rows; arrows say where numbers or gradients flow.

    Args:
        content: What was measured, with `words`.
        width_inches: Of the figure.
    """
    words, graphs = content["words"], content["graphs"]
    full = [node["name"] for node in graphs["training"]]
    figure = Figure(figsize=(width_inches, 6.6))
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.01, top=0.99)
    for column, mode in enumerate(("training", "evaluation")):
        rows = _aligned([node["name"] for node in graphs[mode]], full)
        boxes = [Box(row, node["name"], node["parameters"]) for row, node in zip(rows, graphs[mode], strict=True)]
        _column(axes, column, words(f"recorded_{mode}"), boxes, BLUE if mode == "training" else GREEN, is_backward=True)
    exported = [Box(row, name, ()) for row, name in enumerate(graphs["exported"])]
    _column(axes, 2, words("captured"), exported, ORANGE, is_backward=False)
    axes.set(xlim=(0, 3 * COLUMN_WIDTH), ylim=(max(len(full), len(exported)) - 0.1, -1.4))
    axes.set_axis_off()
    return figure


def _aligned(names: Sequence[str], full: Sequence[str]) -> list[int]:
    """Rows of a shorter sequence in the fuller one that has the same names in the same order, as early as possible."""
    rows: list[int] = []
    for name in names:
        start = rows[-1] + 1 if rows else 0
        rows.append(full.index(name, start))
    return rows


def _column(axes: Axes, column: int, title: str, boxes: Sequence[Box], color: str, *, is_backward: bool) -> None:
    left = column * COLUMN_WIDTH + 0.05
    middle = left + BOX_WIDTH / 2
    axes.text(left, -0.85, title, va="center", color=INK, fontsize=9.5, linespacing=1.3)
    for box in boxes:
        outline = FancyBboxPatch(
            (left, box.row), BOX_WIDTH, BOX_HEIGHT, boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=color, edgecolor=color, alpha=0.15,
        )  # fmt: skip
        axes.add_patch(outline)
        axes.text(middle, box.row + BOX_HEIGHT / 2, box.name, ha="center", va="center", color=INK, fontsize=7.5)
        if box.parameters:
            kinds = ", ".join(name.rpartition(".")[2] for name in box.parameters)
            x = left + BOX_WIDTH
            axes.plot([x, x + 0.12], [box.row + BOX_HEIGHT / 2] * 2, color=FAINT, linewidth=1)
            axes.text(x + 0.16, box.row + BOX_HEIGHT / 2, kinds, va="center", color=MUTED, fontsize=7)
    for above, below in itertools.pairwise(boxes):
        ends = [(middle, above.row + BOX_HEIGHT), (middle, below.row)]
        start, end = ends[::-1] if is_backward else ends
        axes.annotate(
            "",
            end,
            start,
            arrowprops={"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
        )
