"""The measurements as a table, a dictionary and a bar chart."""

from statistics import median, quantiles
from typing import Any

from matplotlib.figure import Figure

from cnnlab.bench.measure import CONTENDERS, Measurement, Setting
from cnnlab.bench.startup import Startup

NAMES = {
    "plain": "plain DataLoader loop",
    "bare": "bare loop, our ops",
    "lightning": "cnnlab (Lightning)",
    "floor": "arithmetic at the matmul rate",
}


def summarise(measurements: list[Measurement]) -> list[dict[str, Any]]:
    """A row for each setting and contender: medians and quartiles of step and epoch, and ratios of paired repetitions.

    `speedup` is the plain loop's epoch over this one's, `over_bare` this epoch over the bare loop's, `over_floor` this
    step over the floor's, `data_share` the batches' share of the training time.
    """
    settings = list(dict.fromkeys(measurement.setting for measurement in measurements))
    return [_row(measurements, setting, name) for setting in settings for name in CONTENDERS]


def _row(measurements: list[Measurement], setting: Setting, name: str) -> dict[str, Any]:
    runs = {
        contender: [m for m in measurements if m.setting == setting and m.contender == contender]
        for contender in CONTENDERS
    }
    steps = {contender: [1e3 * m.epoch.train_s / m.epoch.num_steps for m in runs[contender]] for contender in runs}
    epochs = {contender: [m.epoch.train_s + m.epoch.eval_s for m in runs[contender]] for contender in runs}
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
        row["over_bare"] = _spread(_ratios(epochs[name], epochs["bare"]))
    if name in ("bare", "lightning"):
        row["data_share"] = _spread([m.data_s / m.epoch.train_s for m in runs[name]])
    return row


def _ratios(above: list[float], below: list[float]) -> list[float]:
    return [over / under for over, under in zip(above, below, strict=True)]


def _spread(values: list[float]) -> dict[str, float]:
    lower, _, upper = quantiles(values, n=4) if len(values) > 1 else (values[0],) * 3
    return {"median": median(values), "lower_quartile": lower, "upper_quartile": upper}


def format_table(rows: list[dict[str, Any]]) -> str:
    """The rows as text: medians, with quartiles of the epoch."""
    head = ("batch", "threads", "", "step ms", "epoch s", "(quartiles)", "speedup", "× bare", "× floor", "data")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    def cell(name: str, form: str) -> str:
        return form.format(row[name]["median"]) if name in row else ""

    epoch = row.get("epoch_s")
    quartiles = f"({epoch['lower_quartile']:.2f}–{epoch['upper_quartile']:.2f})" if epoch else ""
    return (
        str(row["batch_size"]), str(row["num_threads"]), NAMES[row["contender"]],
        cell("step_ms", "{:.2f}"), cell("epoch_s", "{:.2f}"), quartiles, cell("speedup", "{:.2f}"),
        cell("over_bare", "{:.3f}"), cell("over_floor", "{:.2f}"), cell("data_share", "{:.1%}"),
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
    settings = list(dict.fromkeys((row["batch_size"], row["num_threads"]) for row in rows))
    figure = Figure(figsize=(9, 1.2 + 1.5 * len(settings)), layout="constrained")
    panels = figure.subplots(len(settings), 1, sharex=True, squeeze=False)
    for axes, setting in zip(panels.flat, settings, strict=True):
        bars = [row for row in rows if (row["batch_size"], row["num_threads"]) == setting and "epoch_s" in row]
        spreads = [row["epoch_s"] for row in bars]
        middles = [spread["median"] for spread in spreads]
        whiskers = [
            [spread["median"] - spread["lower_quartile"] for spread in spreads],
            [spread["upper_quartile"] - spread["median"] for spread in spreads],
        ]
        names = [NAMES[row["contender"]] for row in bars]
        drawn = axes.barh(names, middles, xerr=whiskers, color=["#9aa0a6", "#8ab4f8", "#1a73e8"], height=0.7)
        axes.bar_label(drawn, [f"{middle:.1f} s" for middle in middles], padding=6, fontsize=8)
        axes.set_title(f"batch {setting[0]}, {setting[1]} thread{'s' * (setting[1] > 1)}", fontsize=9, loc="left")
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    panels[-1, 0].set_xlabel("seconds an epoch of experiment=lecture: 60,000 images trained, 10,000 evaluated")
    return figure
