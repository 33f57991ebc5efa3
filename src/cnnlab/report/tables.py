"""A report as tables: CSV files, and the summary on a terminal."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cnnlab.metrics import RESULT_METRICS
from cnnlab.report.messages import Texts
from cnnlab.report.runs import Run
from cnnlab.report.sentences import Sentences

MOST_ROWS = 40  # on a terminal
MOST_LEFT_OUT = 5  # that are named
MOST_NAMES = 2  # that have a column each, beside those of the numbers; 80 characters have no room for more


def runs_csv(runs: Iterable[Run], names: Sequence[str]) -> str:
    """A row a run: what was typed for it, its outcome, its metrics as fractions and nats, its times in seconds.

    Args:
        runs: In any order.
        names: The varied names.
    """
    header = ["folder", *names, "seed", "status", *RESULT_METRICS, "epochs", "fit_s", "test_s", "to_target_s",
              "fingerprint", "weights_sha256"]  # fmt: skip
    rows = []
    for run in runs:
        values = {**run.params, **run.choices, **run.typed}
        metrics = [run.result["metrics"].get(name) for name in RESULT_METRICS]
        seconds = [run.seconds(name) for name in ("fit", "test", "to_target")]
        identity = [run.result.get("fingerprint"), run.result.get("weights_sha256")]
        known = [run.path.name, *(values.get(name) for name in names), run.seed, run.status]
        rows.append([*known, *metrics, run.result.get("epochs"), *seconds, *identity])
    return _csv(header, rows)


def summary_csv(content: Mapping[str, Any]) -> str:
    """A row a configuration: accuracies are fractions, `low` and `high` the ends of 95 % intervals over seeds.

    Args:
        content: Of report.json.
    """
    statistics = ("mean", "low", "high", "deviation")
    header = [*content["varied"], "n", "diverged", "failed", "other", "survivors_only",
              *(f"{split}_{name}" for split in ("val", "test") for name in statistics), "fit_s"]  # fmt: skip
    rows = [
        [
            *each["values"].values(),
            *(each[name] for name in ("n", "num_diverged", "num_failed", "num_other", "survivors_only")),
            *((each[split] or {}).get(name) for split in ("val", "test") for name in statistics),
            each["fit_s"],
        ]
        for each in content["configurations"]
    ]
    return _csv(header, rows)


def comparisons_csv(content: Mapping[str, Any]) -> str:
    """A row a comparison: differences of test accuracy as fractions, of the first less the second configuration.

    Intervals are for new seeds, for new test images, and for both.

    Args:
        content: Of report.json.
    """
    names = [each["name"] for each in content["configurations"]]
    columns = ("verdict", "difference", "low", "high", "n", "is_paired", "df", "p", "p_adjusted", "p_equivalence",
               "p_equivalence_adjusted", "detectable", "needed_seeds")  # fmt: skip
    ends = [(part, end) for part in ("images", "images_and_seeds") for end in ("low", "high")]
    rows = [
        [
            names[each["first"]],
            names[each["second"]],
            *(each[name] for name in columns),
            *((each[part] or {}).get(end) for part, end in ends),
            " ".join(each["other_code"]),
        ]
        for each in content["comparisons"]
    ]
    return _csv(["first", "second", *columns, *(f"{part}_{end}" for part, end in ends), "other_code"], rows)


def tuning_csv(content: Mapping[str, Any]) -> str | None:
    """A row a trial: its values, its mean score over the tuning seeds, empty if it diverged; None if nothing was tuned.

    Args:
        content: Of report.json.
    """
    tuning = content["tuning"]
    if tuning is None:
        return None
    tuned = sorted({name for each in tuning["configurations"] for name in each["space"]})
    rows = [
        [
            *content["configurations"][each["configuration"]]["values"].values(),
            number,
            *(trial["values"].get(name) for name in tuned),
            trial["score"],
            trial["values"] == each["chosen"],
        ]
        for each in tuning["configurations"]
        for number, trial in enumerate(each["trials"], start=1)
    ]
    return _csv([*content["varied"], "trial", *tuned, tuning["objective"], "is_chosen"], rows)


def print_summary(content: Mapping[str, Any], console: Console) -> None:
    """The table in the order of validation accuracy, the most important sentences, and what a reader has to know.

    Args:
        content: Of report.json.
        console: Where to print.
    """
    texts = Texts(content["language"])
    configurations = content["configurations"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    has_few = len(content["varied"]) <= MOST_NAMES
    for name in content["varied"] if has_few else [texts("column.configuration")]:
        table.add_column(Text(name), no_wrap=True, overflow="ellipsis")
    for key in ("val", "test", "interval", "n", "fit"):
        table.add_column(Text(texts(f"terminal.{key}")), justify="right", no_wrap=True)
    for each in configurations[:MOST_ROWS]:
        val, test = each["val"], each["test"]
        lost = each["num_diverged"] + each["num_failed"] + each["num_other"]
        named = each["values"].values() if has_few else [each["name"]]
        table.add_row(
            *(Text("–" if value is None else str(value)) for value in named),
            *("" if part is None else f"{100 * part['mean']:.2f}" for part in (val, test)),
            "" if test is None or test["low"] is None else texts("cell.range", **_ends(test)),
            texts("terminal.of", n=each["n"], total=each["n"] + lost) if lost else str(each["n"]),
            "" if each["fit_s"] is None else f"{each['fit_s']:.1f}",
        )
    console.print(table)
    if len(configurations) > MOST_ROWS:
        console.print(Text(texts("terminal.more", n=len(configurations) - MOST_ROWS)))
    order = "val" if any(each["val"] for each in configurations) else "name"
    console.print(Text("; ".join([texts(f"terminal.order.{order}"), *_data(content, texts)]), style="dim"))
    for sentence in content["headline"]:
        console.print(Text(f"• {sentence}"))
    for note in (*content["notes"], *content["provenance"]["warnings"]):
        console.print(Text(f"! {note}"))
    if left_out := [PurePath(each["path"]).name for each in content["runs"]["left_out"]]:
        listed = Sentences(content["language"]).names(left_out, MOST_LEFT_OUT)
        console.print(Text(f"! {texts('terminal.left_out', n=len(left_out), names=listed)}"))


def _ends(interval: Mapping[str, float]) -> dict[str, str]:
    return {end: f"{100 * interval[end]:.2f}" for end in ("low", "high")}


def _data(content: Mapping[str, Any], texts: Texts) -> list[str]:
    """On which test images: the fallback must never pass for the data set that it replaced."""
    tested = [(each["name"], each["test"]) for each in content["data"]]
    names = [str(name) if num is None else texts("terminal.data", name=name, test=num) for name, num in tested]
    return [*dict.fromkeys(names)]


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
