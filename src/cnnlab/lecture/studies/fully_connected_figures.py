"""What the section on fully connected layers shows."""

from statistics import fmean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.plots import draw_pixels, draw_seeds, percent
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content

NETWORKS = ("compact", "lecture", "mlp_27", "mlp_100")
PICTURES = ("0", "3", "6", "permuted")


def show(data: dict[str, Any], words: Words) -> Shown:
    """A digit as the networks see it, accuracies of moved images, and tables.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown(
        figures={"digit": drawn(_draw_digit, data, words), "shifts": drawn(_draw_shifts, data, words)},
        tables={"networks": _networks(data, words), "sizes": _sizes(data, words)},
    )


def _draw_digit(data: Content, width_inches: float) -> Figure:
    words = data["words"]
    figure = Figure(figsize=(width_inches, width_inches / len(PICTURES) + 0.15))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.9, wspace=0.08)
    for axes, name in zip(figure.subplots(1, len(PICTURES)), PICTURES, strict=True):
        draw_pixels(axes, data["digit"][name], words(f"picture_{name}"), 255)
    return figure


def _draw_shifts(data: Content, width_inches: float) -> Figure:
    words = data["words"]
    figure = Figure(figsize=(width_inches, 3.6))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.99, bottom=0.13, top=0.97)
    for index, name in enumerate(NETWORKS):
        curves = [[100 * each for each in curve] for curve in data["curves"][name]]
        draw_seeds(axes, data["shifts_px"], curves, words(f"network_{name}"), index)
    axes.set(xlabel=words("shift_px"), ylabel=words("accuracy_percent"), ylim=(0, 101))
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.legend(loc="lower left")
    return figure


def _networks(data: dict[str, Any], words: Words) -> Table:
    head = [words(key) for key in ("network", "parameters", "in_place", "permuted", "at_2", "at_4")]
    rows = [
        [
            words(f"network_{name}"),
            f"{data['num_parameters'][name]:,}",
            *(percent(data["accuracy"][order][name]) for order in ("in_place", "permuted")),
            *(f"{100 * fmean(curve[px] for curve in data['curves'][name]):.1f} %" for px in (2, 4)),
        ]
        for name in NETWORKS
    ]
    return Table(head, rows)


def _sizes(data: dict[str, Any], words: Words) -> Table:
    """What comes out of a network for an image of another size."""
    rows = [
        [words(f"network_{name}"), *(words("refused") if shape is None else shape for shape in of_size.values())]
        for name, of_size in data["sizes"].items()
    ]
    sizes = next(iter(data["sizes"].values()))
    return Table([words("network"), *(words("logits_of", size=size) for size in sizes)], rows)
