"""What the section on pooling shows."""

from statistics import fmean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cnnlab.lecture.drawing import drawn
from cnnlab.lecture.plots import draw_pixels, draw_seeds, percent
from cnnlab.lecture.study import Shown, Table
from cnnlab.lecture.texts import Words
from cnnlab.report.page.content import Content

POOLS = ("max", "avg", "stride")
STAGES = ("before", *POOLS)


def show(data: dict[str, Any], words: Words) -> Shown:
    """Maps of a digit, accuracies of moved images, and a table.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown(
        figures={"maps": drawn(_draw_maps, data, words), "shifts": drawn(_draw_shifts, data, words)},
        tables={"pools": _pools(data, words)},
    )


def _draw_maps(data: Content, width_inches: float) -> Figure:
    words, maps = data["words"], data["maps"]
    num_maps = len(maps["before"])
    figure = Figure(figsize=(width_inches, 1.75 * num_maps + 0.3))
    grid = figure.subplots(num_maps, 1 + len(STAGES), squeeze=False)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.93, wspace=0.08, hspace=0.06)
    for row, line in enumerate(grid):
        line[0].set_axis_off()
        highest = max(max(each) for each in maps["before"][row])
        for axes, stage in zip(line[1:], STAGES, strict=True):
            draw_pixels(axes, maps[stage][row], words(f"stage_{stage}") if row == 0 else "", highest)
    grid[0, 0].set_axis_on()
    draw_pixels(grid[0, 0], maps["image"][0], words("image"))
    return figure


def _draw_shifts(data: Content, width_inches: float) -> Figure:
    words = data["words"]
    figure = Figure(figsize=(width_inches, 3.4))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.075, right=0.99, bottom=0.14, top=0.97)
    for index, pool in enumerate(POOLS):
        curves = [[100 * each for each in curve] for curve in data["moved"][pool]]
        draw_seeds(axes, data["shifts_px"], curves, words(f"pool_{pool}"), index)
    axes.set(xlabel=words("shift_px"), ylabel=words("accuracy_percent"))
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.legend(loc="lower left")
    return figure


def _pools(data: dict[str, Any], words: Words) -> Table:
    head = [words(key) for key in ("pool", "rate", "accuracy", "accuracy_at_2", "accuracy_at_4", "change")]
    rows = []
    for pool in POOLS:
        moved, change = data["moved"][pool], data["change"][pool]
        rows.append(
            [
                words(f"pool_{pool}"),
                f"{data['rates'][pool]:.3g}",
                percent(data["accuracy"][pool]),
                *(f"{100 * fmean(curve[px] for curve in moved):.1f} %" for px in (2, 4)),
                f"{100 * fmean(change):.1f} %",
            ]
        )
    return Table(head, rows)
