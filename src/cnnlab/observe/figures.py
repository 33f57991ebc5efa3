"""Figures of what predictions and weights look like."""

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from cnnlab.observe.predictions import Mistakes


def draw_confusion(counts: torch.Tensor, classes: Sequence[str]) -> Figure:
    """A confusion matrix with its counts; colour is logarithmic, so that rare confusions show.

    Args:
        counts: (C, C): the row is the true class, the column the predicted one.
        classes: Their names.
    """
    figure = Figure(figsize=(7, 6.4), layout="constrained")
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
                axes.text(
                    column,
                    row,
                    str(count),
                    ha="center",
                    va="center",
                    color="white" if count > dark else "black",
                    fontsize=9,
                )
    return figure


def draw_mistakes(images: torch.Tensor, labels: torch.Tensor, mistakes: Mistakes, classes: Sequence[str]) -> Figure:
    """The wrongly classified images, each with its true and predicted class and the confidence.

    Args:
        images: Test images, (N, 1, 28, 28).
        labels: Their classes, (N,).
        mistakes: Which of them to draw.
        classes: The classes' names.
    """
    grid = _grid(len(mistakes.indices), size_in=1.5, height_in=1.8)
    for axes, index, predicted, confidence in zip(grid.axes, *(part.tolist() for part in mistakes), strict=False):
        axes.imshow(images[index, 0].numpy(), cmap="gray_r")
        axes.set_title(f"{classes[int(labels[index])]}, not {classes[predicted]}\n{confidence:.0%} sure", fontsize=8)
    grid.suptitle("The most confident mistakes: true, not predicted", fontsize=11)
    return grid


def draw_filters(weights: torch.Tensor) -> Figure:
    """The first layer's weights, one picture an output: red pulls up, blue down, on one scale.

    Args:
        weights: (out, k, k).
    """
    grid = _grid(len(weights), size_in=1.3, height_in=1.3)
    bound = float(weights.abs().max()) or 1.0
    for axes, weight in zip(grid.axes, weights, strict=False):
        axes.imshow(weight.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound)
    grid.suptitle(f"First layer, {weights.shape[1]}×{weights.shape[2]} weights, ±{bound:.2f}", fontsize=11)
    return grid


def _grid(num: int, size_in: float, height_in: float) -> Figure:
    columns = max(1, min(num, max(5, math.ceil(math.sqrt(num)))))
    rows = max(1, math.ceil(num / columns))
    figure = Figure(figsize=(max(4.0, columns * size_in), rows * height_in + 0.5), layout="constrained")
    cells: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells:
        axes.set_axis_off()
    return figure
