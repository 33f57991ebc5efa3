"""Time to target as survival curves: the share of runs that have reached an accuracy; a miss counts as infinite."""

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, display_width, short_names
from cnnlab.report.page.figures.curves import MAX_PANELS, Against
from cnnlab.report.page.figures.style import (
    DASHES,
    GROUND,
    INK,
    MARKERS,
    MAX_LINES,
    SERIES,
    epoch_axis,
    name_axes,
    panels,
    styled,
)


@dataclass(frozen=True)
class Reached:
    """One configuration's times to one target: of each run, None for a miss."""

    label: str
    accuracy: float
    times: list[float | None]

    def steps(self, end: float) -> tuple[list[float], list[float]]:
        """The share of runs that have reached the target: where it rises, and how high, from 0 to `end`.

        Args:
            end: Of the axis.
        """
        counts = sorted(Counter(time for time in self.times if time is not None).items())
        hits = [time for time, _ in counts]
        shares = [reached / len(self.times) for reached in accumulate(num for _, num in counts)]
        return [0.0, *hits, end], [0.0, *shares, shares[-1] if shares else 0.0]


def reached(content: Content, against: Against) -> list[Reached]:
    """The times to every target that some run reached, in the list's order, `MAX_PANELS` configurations at most.

    Args:
        content: report.json's.
        against: What the time is counted in.
    """
    names = short_names(content, 26)
    found = [
        Reached(names[configuration["id"]], target["accuracy"], target[against])
        for configuration in content["configurations"][:MAX_PANELS]
        for target in configuration["targets"] or []
        if target[against]
    ]
    hit = {curve.accuracy for curve in found if any(time is not None for time in curve.times)}
    return [curve for curve in found if curve.accuracy in hit]


@styled
def draw_targets_by_epoch(content: Content, width_inches: float) -> Figure | None:
    """The share of runs that reached each target, by epochs.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    return _draw_targets(content, "epochs", width_inches)


@styled
def draw_targets_by_second(content: Content, width_inches: float) -> Figure | None:
    """The share of runs that reached each target, by seconds of training.

    Args:
        content: report.json's.
        width_inches: Of the figure.
    """
    return _draw_targets(content, "seconds", width_inches)


def _draw_targets(content: Content, against: Against, width_inches: float) -> Figure | None:
    curves = reached(content, against)
    return _draw_panels(curves, against, Texts(content["language"]), width_inches) if curves else None


def _draw_panels(curves: list[Reached], against: Against, texts: Texts, width_inches: float) -> Figure:
    """A pair of axes for each target and a line for each configuration if they are few, the reverse if not."""
    labels = list(dict.fromkeys(curve.label for curve in curves))
    targets = sorted({curve.accuracy for curve in curves})
    by_target = len(labels) <= MAX_LINES
    titles = [texts("percent", value=f"{100 * target:g}") for target in targets]
    heads, lines = (titles, labels) if by_target else (labels, titles)
    figure, grid = panels(len(heads), width_inches, 2.4 if by_target else 1.15)
    end = max(time for curve in curves for time in curve.times if time is not None) * 1.08
    for curve in curves:
        row, column = labels.index(curve.label), targets.index(curve.accuracy)
        panel, line = (column, row) if by_target else (row, column)
        x, y = curve.steps(end)
        grid[panel].step(x, y, where="post", linewidth=1.7, color=SERIES[line % 6], linestyle=DASHES[line % 6])
        grid[panel].plot(x[1:-1], y[1:-1], MARKERS[line % 6], color=SERIES[line % 6], markersize=4)
        if y[-1] < 1:  # runs are missing
            grid[panel].plot(end, y[-1], "o", color=SERIES[line % 6], mfc=GROUND, ms=4.5, clip_on=False, zorder=5)
    for axes, head in zip(grid, heads, strict=True):
        axes.set_title(head, loc="left", pad=4, color=INK)
        axes.grid(visible=True, axis="y")
    grid[0].set(xlim=(0, end), ylim=(-0.03, 1.05), yticks=[0, 0.5, 1])
    grid[0].yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    if against == "epochs":
        epoch_axis(grid[0], end, 4)
    else:
        grid[0].xaxis.set_major_locator(MaxNLocator(4, integer=end >= 4))
    _finish(figure, lines, against, texts)
    return figure


def _finish(figure: Figure, lines: list[str], against: Against, texts: Texts) -> None:
    """The names of the lines in a row of their own under the axes, and the axes' own names."""
    columns = max(1, min(len(lines), int(figure.get_figwidth() // (0.75 + 0.085 * max(map(display_width, lines))))))
    rows = -(-len(lines) // columns)
    height = figure.get_figheight()
    extra = 0.22 * rows + 0.08
    figure.set_figheight(height + extra)
    parameters = figure.subplotpars
    figure.subplots_adjust(
        bottom=(parameters.bottom * height + extra) / (height + extra),
        top=1 - (1 - parameters.top) * height / (height + extra),
    )
    figure.legend(
        handles=[
            Line2D([], [], color=SERIES[i % 6], linestyle=DASHES[i % 6], marker=MARKERS[i % 6], ms=4, label=line)
            for i, line in enumerate(lines)
        ],
        loc="lower center", ncols=columns, borderaxespad=0.1, labelspacing=0.3,
    )  # fmt: skip
    name_axes(figure, texts(f"axis.{against}"), texts("axis.reached"), extra + 0.04)
