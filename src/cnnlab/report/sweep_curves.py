"""A sweep's learning curves: one per setting, over seeds."""

import sys
from pathlib import Path

from matplotlib import colormaps
from matplotlib.figure import Figure

from cnnlab.errors import UserError
from cnnlab.report.configurations import Configuration, group
from cnnlab.report.run_curve import SPLITS, drawable, read_metrics, style_axes
from cnnlab.report.runs import read_runs
from cnnlab.report.tuning import Tuning
from cnnlab.run.status import Status

COLORS = colormaps["tab10"].colors  # type: ignore[attr-defined]
LINE_STYLES = ("-", "--", ":", "-.")  # one per cycle of the colours

Metrics = dict[str, list[float]]
Settings = list[tuple[Configuration, list[Metrics | None]]]  # with the runs' metrics, None if not completed


def draw_curves(folder: Path, title: str = "") -> Figure:
    """Error by epoch for each setting: the mean over seeds as a line, lowest to highest as a band.

    Settings are in the order of their names, numbers by value. Completed runs are drawn, others only counted.

    Args:
        folder: The sweep's folder.
        title: The figure's title.

    Raises:
        UserError: If it has no completed runs, or they did not all watch the same split.
    """
    names, settings = _read_settings(folder)
    split = _common_split(folder, settings)
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for index, (configuration, runs) in enumerate(settings):
        completed = [metrics for metrics in runs if metrics is not None]
        errors = [[100 * (1 - accuracy) for accuracy in metrics[f"{split}/acc"]] for metrics in completed]
        by_epoch = list(zip(*errors, strict=False))  # as far as all seeds went
        epochs, means = range(1, len(by_epoch) + 1), [sum(seeds) / len(seeds) for seeds in by_epoch]
        color, style = COLORS[index % len(COLORS)], LINE_STYLES[index // len(COLORS) % len(LINE_STYLES)]
        axes.plot(epochs, means, color=color, linestyle=style, marker=".", label=_label(configuration, runs))
        axes.fill_between(epochs, [*map(min, by_epoch)], [*map(max, by_epoch)], color=color, alpha=0.15, linewidth=0)
    style_axes(axes, f"{SPLITS[split][0]} error, %")
    columns = 1 + len(settings) // 16  # 16 names fit below each other
    figure.legend(loc="outside right upper", title=_literal(", ".join(names)), frameon=False, ncols=columns)
    figure.suptitle(drawable(title) or "line: mean over seeds; band: lowest to highest")
    return figure


def _read_settings(folder: Path) -> tuple[list[str], Settings]:
    """The names of the varied values, and the runs of each configuration."""
    runs, left_out = read_runs(folder)
    for each in left_out:
        print(f"{each.path} is left out: {each.reason}", file=sys.stderr)
    tuning = Tuning.of(folder, runs)
    names, configurations = group(runs, () if tuning is None else tuning.names)
    settings: Settings = []
    for configuration in configurations:
        metrics: list[Metrics | None] = []
        for run in configuration.runs:
            try:
                metrics.append(read_metrics(run.path) if run.status is Status.COMPLETED else None)
            except UserError as error:
                print(f"{str(error).rpartition('; ')[0]}: left out", file=sys.stderr)
        settings.append((configuration, metrics))
    return names, settings


def _common_split(folder: Path, settings: Settings) -> str:
    drawn = [metrics for _, runs in settings for metrics in runs if metrics is not None]
    for split in ("val", "test"):
        if drawn and all(f"{split}/acc" in metrics for metrics in drawn):
            return split
    raise UserError(f"{folder} has no completed runs with a validation or test accuracy after every epoch")


def _label(configuration: Configuration, runs: list[Metrics | None]) -> str:
    remark = f" ({len(runs) - runs.count(None)} of {len(runs)} completed)" if None in runs else ""
    return _literal(", ".join(map(str, configuration.values.values())) or "all runs") + remark


def _literal(text: str) -> str:
    """A text in which `$` is no formula: the names and values in a result.json may be anything."""
    return drawable(text).replace("$", r"\$")
