"""The measurements as a table, a dictionary and a bar chart."""

from statistics import median, quantiles
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from cnnlab.bench.measure import OURS, Measurement, Setting
from cnnlab.bench.startup import Startup

NAMES = {
    "plain": "plain DataLoader loop",
    "nchw": "torch, NCHW, data resident",
    "channels_last": "torch, channels_last, data resident",
    "compiled_nchw": "torch.compile, NCHW",
    "compiled_channels_last": "torch.compile, channels_last",
    "bare": "bare loop, our ops",
    OURS: "cnnlab (Lightning)",
    "floor": "arithmetic at the matmul rate",
}
COLORS = {"plain": "#9aa0a6", "bare": "#8ab4f8", OURS: "#1a73e8"}
COLOR_OF_RIVALS = "#f0b266"


def summarise(measurements: list[Measurement]) -> list[dict[str, Any]]:
    """A row for each setting and contender: medians and quartiles of step and epoch, and ratios of paired repetitions.

    `speedup` is the plain loop's epoch over this one's, `over_ours` and `over_bare` this epoch over cnnlab's and the
    bare loop's, `over_floor` this step over the floor's, `data_share` the batches' share of the training time,
    `compile_s` the seconds that `torch.compile` took before the first step.
    """
    settings = list(dict.fromkeys(measurement.setting for measurement in measurements))
    return [row for setting in settings for row in _rows(measurements, setting)]


def _rows(measurements: list[Measurement], setting: Setting) -> list[dict[str, Any]]:
    runs: dict[str, list[Measurement]] = {}
    for each in measurements:
        if each.setting == setting:
            runs.setdefault(each.contender, []).append(each)
    steps = {name: [1e3 * m.epoch.train_s / m.epoch.num_steps for m in runs[name]] for name in runs}
    epochs = {name: [m.epoch.train_s + m.epoch.eval_s for m in runs[name]] for name in runs}
    return [_row(setting, name, runs[name], steps, epochs) for name in runs]


def _row(
    setting: Setting, name: str, runs: list[Measurement], steps: dict[str, list[float]], epochs: dict[str, list[float]]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "batch_size": setting.batch_size,
        "num_threads": setting.num_threads,
        "contender": name,
        "step_ms": _spread(steps[name]),
        "over_floor": _spread(_ratios(steps[name], steps["floor"])),
    }
    if name != "floor":
        row["epoch_s"] = _spread(epochs[name])
        row["speedup"] = _spread(_ratios(epochs["plain"], epochs[name]))
        row["over_ours"] = _spread(_ratios(epochs[name], epochs[OURS]))
        row["over_bare"] = _spread(_ratios(epochs[name], epochs["bare"]))
    if name in ("bare", OURS):
        row["data_share"] = _spread([m.data_s / m.epoch.train_s for m in runs])
    if runs[0].compile_s > 0:
        row["compile_s"] = runs[0].compile_s
    return row


def _ratios(above: list[float], below: list[float]) -> list[float]:
    return [over / under for over, under in zip(above, below, strict=True)]


def _spread(values: list[float]) -> dict[str, float]:
    lower, _, upper = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": median(values), "lower_quartile": lower, "upper_quartile": upper}


def format_table(rows: list[dict[str, Any]]) -> str:
    """The rows as text: medians, with quartiles of the epoch; an empty line between settings."""
    head = (
        *("batch", "threads", "", "step ms", "epoch s", "(quartiles)", "speedup", "× ours", "× floor", "data"),
        "compile s",
    )
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = [
        "  ".join(
            cell.ljust(width) if column == 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    ends = [before[:2] != after[:2] for before, after in zip(lines[1:], [*lines[2:], lines[-1]], strict=True)]
    return "\n".join([texts[0], *(text + "\n" * ends_here for text, ends_here in zip(texts[1:], ends, strict=True))])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    def cell(name: str, form: str) -> str:
        return form.format(row[name]["median"]) if name in row else ""

    epoch = row.get("epoch_s")
    quartiles = f"({epoch['lower_quartile']:.2f}–{epoch['upper_quartile']:.2f})" if epoch else ""
    return (
        str(row["batch_size"]), str(row["num_threads"]), NAMES[row["contender"]],
        cell("step_ms", "{:.2f}"), cell("epoch_s", "{:.2f}"), quartiles, cell("speedup", "{:.2f}"),
        cell("over_ours", "{:.2f}"), cell("over_floor", "{:.2f}"), cell("data_share", "{:.1%}"),
        f"{row['compile_s']:.1f}" if "compile_s" in row else "",
    )  # fmt: skip


def summarise_startup(measurements: list[Startup]) -> dict[str, dict[str, float]]:
    """Medians and quartiles of both, in seconds, and of our time over the bare import's in paired repetitions."""
    bare, ours = ([getattr(each, name) for each in measurements] for name in ("bare_s", "ours_s"))
    return {"bare_s": _spread(bare), "ours_s": _spread(ours), "over_bare": _spread(_ratios(ours, bare))}


def format_startup(summary: dict[str, dict[str, float]]) -> str:
    """A line: medians."""
    bare, ours, ratio = (summary[name]["median"] for name in ("bare_s", "ours_s", "over_bare"))
    return f"start-up: first step after {ours:.2f} s, import of torch and lightning {bare:.2f} s, ratio {ratio:.2f}"


def draw_bars(rows: list[dict[str, Any]]) -> Figure:
    """Seconds an epoch of every contender, a panel a setting; whiskers are quartiles."""
    sizes, threads = (list(dict.fromkeys(row[name] for row in rows)) for name in ("batch_size", "num_threads"))
    names = [name for name in NAMES if any(row["contender"] == name and "epoch_s" in row for row in rows)]
    size_in = (3.4 + 4.2 * len(threads), 1.0 + (0.5 + 0.28 * len(names)) * len(sizes))
    figure = Figure(figsize=size_in, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    panels = figure.subplots(len(sizes), len(threads), sharex=True, sharey=True, squeeze=False)
    for panel_row, size in zip(panels, sizes, strict=True):
        for axes, num_threads in zip(panel_row, threads, strict=True):
            at = {
                row["contender"]: row for row in rows if (row["batch_size"], row["num_threads"]) == (size, num_threads)
            }
            _draw_panel(axes, {name: at[name] for name in names if name in at})
            axes.set_title(str(Setting(size, num_threads)), fontsize=10, loc="left")
    panels[0, 0].invert_yaxis()  # of all: they share it
    figure.supxlabel("seconds an epoch of experiment=lecture: 60,000 images trained, 10,000 evaluated", fontsize=10)
    return figure


def _draw_panel(axes: Axes, rows: dict[str, dict[str, Any]]) -> None:
    spreads = [row["epoch_s"] for row in rows.values()]
    middles, lowers, uppers = (
        [spread[name] for spread in spreads] for name in ("median", "lower_quartile", "upper_quartile")
    )
    whiskers = [
        [middle - lower for middle, lower in zip(middles, lowers, strict=True)],
        [upper - middle for middle, upper in zip(middles, uppers, strict=True)],
    ]
    drawn = axes.barh(
        [NAMES[name] for name in rows],
        middles,
        xerr=whiskers,
        color=[COLORS.get(name, COLOR_OF_RIVALS) for name in rows],
        error_kw={"elinewidth": 1, "ecolor": "#3c4043"},
        height=0.72,
    )
    axes.bar_label(drawn, [f"{middle:.2f} s" for middle in middles], padding=4, fontsize=9)
    axes.margins(x=0.14)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
