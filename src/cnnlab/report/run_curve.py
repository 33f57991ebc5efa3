"""The learning curve of one run, from its metrics.csv."""

import csv
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from cnnlab.errors import UserError
from cnnlab.files import read_text

SPLITS = {"train": ("training, with dropout", "#9aa5b1"), "val": ("validation", "#1f6feb"), "test": ("test", "#d1242f")}


def read_metrics(folder: Path) -> dict[str, list[float]]:
    """The columns of a run's metrics.csv; a column that was never measured is left out.

    Args:
        folder: The run folder.

    Raises:
        UserError: If no epoch has finished, or the file is not a run's.
    """
    path = folder / "metrics.csv"
    try:
        rows = list(csv.DictReader(read_text(path).splitlines()))
        if not rows:
            raise UserError(f"{folder} has no finished epoch yet; wait for one, or choose another run")
        return {name: [float(row[name]) for row in rows] for name in rows[0] if all(row[name] for row in rows)}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); choose another run") from None
    except (LookupError, TypeError, csv.Error, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a run's, or damaged ({error}); choose another run") from None


def draw_curve(metrics: dict[str, list[float]], title: str = "") -> Figure:
    """Error and loss by epoch, both logarithmic, each annotated with its last value.

    Args:
        metrics: Columns from `read_metrics`: accuracies as fractions, losses in nats.
        title: The figure's title.

    Raises:
        UserError: If the columns are not those of a run.
    """
    watched = [split for split in SPLITS if f"{split}/acc" in metrics] or ["train"]
    needed = ["epoch", *(f"{split}/{name}" for split in watched for name in ("acc", "loss"))]
    if missing := [name for name in needed if name not in metrics]:
        raise UserError(f"metrics.csv has no values of {', '.join(missing)}; choose another run")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    error_axes, loss_axes = figure.subplots(1, 2)
    for split, (name, color) in SPLITS.items():
        if f"{split}/acc" not in metrics:
            continue
        errors = [100 * (1 - accuracy) for accuracy in metrics[f"{split}/acc"]]
        for axes, values, text in (
            (error_axes, errors, f"{errors[-1]:.2f}"),
            (loss_axes, metrics[f"{split}/loss"], f"{metrics[f'{split}/loss'][-1]:.4f}"),
        ):
            axes.plot(metrics["epoch"], values, color=color, label=name, marker="." if len(values) < 20 else "")
            axes.annotate(text, (metrics["epoch"][-1], values[-1]), xytext=(4, 0), textcoords="offset points",
                          color=color, va="center", fontsize=9, annotation_clip=False)  # fmt: skip
    style_axes(error_axes, "error, %")
    style_axes(loss_axes, "loss, nats")
    error_axes.legend(frameon=False)
    figure.suptitle(drawable(title))
    return figure


def drawable(text: str) -> str:
    """A text that matplotlib can draw: what was not UTF-8 in a command line or a file is replaced.

    Args:
        text: Any text.
    """
    return text.encode(errors="replace").decode()


def style_axes(axes: Axes, label: str) -> None:
    """A logarithmic quantity by epoch, on a light grid.

    Args:
        axes: Axes with the curves.
        label: The quantity and its unit.
    """
    axes.set(yscale="log", xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter("")
    axes.grid(visible=True, which="both", color="#e5e7eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
