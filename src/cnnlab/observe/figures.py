"""Figures of predictions and weights."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from cnnlab.observe.predictions import Mistakes

TITLE_INCHES = 0.4


def draw_confusion(counts: torch.Tensor, classes: Sequence[str]) -> Figure:
    """A confusion matrix with its counts; colour is logarithmic, so that rare confusions show.

    Args:
        counts: (C, C): the row is the true class, the column the predicted one.
        classes: Their names.
    """
    side_inches = max(6.4, 0.3 * len(classes))
    figure = Figure(figsize=(side_inches + 0.6, side_inches), layout="constrained")
    axes = figure.subplots()
    mistakes = int(counts.sum() - counts.trace())
    axes.imshow(counts.clamp(min=0.5).numpy(), cmap="Blues", norm=LogNorm(0.5, max(1, int(counts.max()))))
    ticks = range(len(classes))
    rotation = 0 if max(map(len, classes)) <= 2 else 45
    axes.set_xticks(
        ticks, classes, rotation=rotation, ha="center" if rotation == 0 else "right", rotation_mode="anchor"
    )
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted", ylabel="true", title=f"{mistakes} of {int(counts.sum())} test images wrong")
    dark = math.sqrt(max(1, int(counts.max())))
    for row in ticks:
        for column in ticks:
            count = int(counts[row, column])
            if count:
                color = "white" if count > dark else "black"
                text = axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=9)
                text.set_in_layout(False)  # which would measure a hundred of them
    return figure


def draw_mistakes(images: torch.Tensor, labels: torch.Tensor, mistakes: Mistakes, classes: Sequence[str]) -> Figure:
    """The wrongly classified images, each with its true and predicted class and the confidence.

    With several channels, the mean over channels is drawn.

    Args:
        images: Test images, (N, C, H, W).
        labels: Their classes, (N,).
        mistakes: Which of them to draw.
        classes: The classes' names.
    """
    captions = [
        f"{classes[int(labels[index])]}, not {classes[predicted]}\n{confidence:.0%} sure"
        for index, predicted, confidence in zip(*(part.tolist() for part in mistakes), strict=True)
    ]
    shown = images[mistakes.indices].mean(dim=1)
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    return _mosaic(
        shown,
        "The most confident mistakes: true, not predicted",
        captions,
        size_inches=1.5,
        colors=("gray_r", low, high),
    )


def draw_filters(weights: torch.Tensor) -> Figure:
    """The first layer's weights, one picture per output: red is positive, blue negative, on one scale.

    Args:
        weights: (out, h, w).
    """
    bound = float(weights.abs().max()) or 1.0
    title = f"First layer, {weights.shape[1]}×{weights.shape[2]} weights, ±{bound:.2f}"
    return _mosaic(weights, title, [], size_inches=1.3, colors=("RdBu_r", -bound, bound))


def _mosaic(
    tiles: torch.Tensor, title: str, captions: Sequence[str], size_inches: float, colors: tuple[str, float, float]
) -> Figure:
    """Tiles side by side in a single pair of axes, since a pair for each would take seconds to draw.

    Args:
        tiles: (N, h, w).
        title: Above all.
        captions: One above each tile, in two lines, or none.
        size_inches: Of a tile.
        colors: A colour map, its lowest and its highest value.
    """
    num, height, width = tiles.shape
    columns = max(1, min(num, max(5, math.ceil(math.sqrt(num)))))
    rows = max(1, math.ceil(num / columns))
    gap, head = math.ceil(width / 10), math.ceil(width / 2.8) if captions else math.ceil(width / 10)
    canvas = np.full((rows * (head + height), columns * (width + gap) - gap), np.nan, dtype=np.float32)
    corners = [
        (head + row * (head + height), column * (width + gap)) for row in range(rows) for column in range(columns)
    ]
    for (top, left), tile in zip(corners, tiles.numpy(), strict=False):
        canvas[top : top + height, left : left + width] = tile
    scale = size_inches / width
    figure_width = max(4.0, canvas.shape[1] * scale)
    figure_height = canvas.shape[0] * scale + TITLE_INCHES
    figure = Figure(figsize=(figure_width, figure_height))
    figure.suptitle(title, fontsize=11, y=1 - 0.1 / figure_height, va="top")
    axes = figure.add_axes((0.02, 0.02, 0.96, 1 - TITLE_INCHES / figure_height - 0.02))
    axes.set_axis_off()
    cmap, low, high = colors
    axes.imshow(canvas, cmap=cmap, vmin=low, vmax=high)
    for (top, left), caption in zip(corners, captions, strict=False):
        axes.text(left + width / 2, top - gap / 2, caption, ha="center", va="bottom", fontsize=8)
    return figure
