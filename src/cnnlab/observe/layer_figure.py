"""A picture of all layers over time, from a run's diagnostics: where signals, gradients and updates vanish."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

Row = tuple[int, int, str, str, float]  # step, epoch, layer, quantity, value
PANELS = {
    "gradient_norm": "gradient norm of the weights",
    "update_ratio": "update / weights, of a step",
    "saturated_fraction": "saturated activations, fraction",
    "dead_fraction": "dead units, fraction",
}
FRACTIONS = ("saturated_fraction", "dead_fraction")
FLOOR = 1e-3  # fractions below are drawn on one line with zero
MOST_LINES = 12  # of one panel: measurements in between are left out
MOST_NAMES = 5  # of layers along an axis: of more, only some are named


def draw_layers(runs: Sequence[tuple[str, Sequence[Row]]]) -> Figure:
    """Gradient norm, update ratio, saturated and dead fraction by layer, on logarithmic scales.

    Of one run, a line per measurement, coloured by its step. Of several, a line per run: its last measurement.

    Args:
        runs: Name and rows of each, as `read_diagnostics` gives them.
    """
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    panels = figure.subplots(2, 2).flatten()
    for axes, (quantity, title) in zip(panels, PANELS.items(), strict=True):
        _set_up(axes, quantity, title)
        if len(runs) == 1:
            _draw_steps(axes, runs[0][1], quantity)
        else:
            for name, rows in runs:
                steps = [row[0] for row in rows if row[3] == quantity]
                _draw(axes, rows, quantity, max(steps, default=0), label=name)
    if len(runs) == 1:
        _add_steps(figure, panels, runs[0][1])
    elif runs:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _set_up(axes: Axes, quantity: str, title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("layer, from the first to the last")
    if quantity in FRACTIONS:
        axes.set_yscale("symlog", linthresh=FLOOR, linscale=0.3)
        axes.set_ylim(-FLOOR / 4, 1.5)
    else:
        axes.set_yscale("log")
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_steps(axes: Axes, rows: Sequence[Row], quantity: str) -> None:
    steps = sorted({row[0] for row in rows if row[3] == quantity})
    shown = {round(place) for place in np.linspace(0, len(steps) - 1, MOST_LINES)} if steps else set()
    last = max((row[0] for row in rows), default=1)
    for step in (steps[place] for place in sorted(shown)):
        _draw(axes, rows, quantity, step, color=colormaps["viridis"](step / max(last, 1)))


def _draw(axes: Axes, rows: Sequence[Row], quantity: str, step: int, **style: object) -> None:
    found = [(row[2], row[4]) for row in rows if row[3] == quantity and row[0] == step]
    names, values = [name for name, _ in found], [value for _, value in found]
    axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, linewidth=1.2, **style)  # type: ignore[arg-type]
    if found:
        every = -(-len(names) // MOST_NAMES)
        axes.set_xticks(range(1, len(names) + 1, every), [_short(name) for name in names[::every]], fontsize=8)


def _short(name: str) -> str:
    """`layers.3.weight` as `layers.3`."""
    return name.removesuffix(".weight")


def _add_steps(figure: Figure, panels: np.ndarray, rows: Sequence[Row]) -> None:
    last = max((row[0] for row in rows), default=1)
    colors = ScalarMappable(Normalize(0, max(last, 1)), "viridis")
    figure.colorbar(colors, ax=list(panels), label="step", shrink=0.6, aspect=40)
