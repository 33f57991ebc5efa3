"""A picture of the loss on planes through the weights, with the path on each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from cnnlab.observe.loss_planes import Plane
from cnnlab.observe.weight_path import RANDOM_WALKS_FIRST

TITLES = {
    "random": "two random directions, by filter",
    "training": "where the training's path varies most",
    "walk": "the same of a random walk",
}
AXES = {"random": ("first direction", "second direction")}
PRINCIPAL = ("first principal direction", "second principal direction")
NOTE = (
    f"A random walk draws such a curve, too: of a long one, the first direction explains 6/π² = "
    f"{RANDOM_WALKS_FIRST:.0%} of the variance. What tells training from a walk is the loss below its path."
)
NUM_LEVELS = 24
HIGHEST = 1e3  # times the lowest loss: what is above has the last colour


def draw_surfaces(planes: Sequence[Plane], unit: str = "loss") -> Figure:
    """The loss as contours, on one logarithmic scale of colours, and each path over it, from its ring to its cross.

    Args:
        planes: One panel each.
        unit: What the colours are.
    """
    figure = Figure(figsize=(1.2 + 4.2 * len(planes), 4.6), layout="constrained")
    panels = figure.subplots(1, len(planes), squeeze=False)[0]
    norm = _scale(planes)
    for axes, plane in zip(panels, planes, strict=True):
        _draw(axes, plane, norm)
    figure.colorbar(
        ScalarMappable(norm, "viridis"),
        ax=list(panels),
        label=f"{unit}, logarithmic",
        ticks=LogLocator(subs=(1, 2, 5)),
        format=StrMethodFormatter("{x:g}"),
    ).minorticks_off()
    figure.supxlabel(NOTE, fontsize=9, color="0.3")
    return figure


def _scale(planes: Sequence[Plane]) -> LogNorm:
    values = np.concatenate([plane.losses.numpy().ravel() for plane in planes])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.1, 1.0)
    return LogNorm(low, max(min(high, HIGHEST * low), 1.01 * low), clip=True)


def _draw(axes: Axes, plane: Plane, norm: LogNorm) -> None:
    assert norm.vmin is not None
    assert norm.vmax is not None
    losses = plane.losses.numpy().T  # rows are betas
    losses = np.where(np.isfinite(losses), losses, np.inf).clip(norm.vmin, norm.vmax)
    levels = np.geomspace(norm.vmin, norm.vmax * (1 + 1e-9), NUM_LEVELS)
    axes.contourf(plane.alphas, plane.betas, losses, levels=levels, norm=norm, cmap="viridis")
    axes.contour(plane.alphas, plane.betas, losses, levels=levels[::2], colors="white", linewidths=0.4, alpha=0.5)
    xs, ys = plane.path.T.numpy()
    axes.plot(xs, ys, color="white", linewidth=2.6)
    axes.plot(xs, ys, color="crimson", linewidth=1.2, marker="o", markersize=2.5)
    axes.plot(xs[0], ys[0], "o", markersize=8, markerfacecolor="none", markeredgecolor="crimson", label="start")
    axes.plot(xs[-1], ys[-1], "X", markersize=8, color="crimson", markeredgecolor="white", label="end")
    axes.set_title(TITLES[plane.kind], fontsize=10)
    labels = list(AXES.get(plane.kind, PRINCIPAL))
    if plane.explained is not None:
        labels = [f"{label}: {share:.0%} of the variance" for label, share in zip(labels, plane.explained, strict=True)]
    axes.set(xlabel=labels[0], ylabel=labels[1])
