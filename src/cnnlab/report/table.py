"""The runs of a sweep as a table: what was varied, what came out, over seeds."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.metrics import ACCURACY
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status


@dataclass(frozen=True)
class Row:
    """The runs that differ in their seed alone.

    Attributes:
        values: What was varied.
        accuracies: Of each completed run, on the test set, as fractions.
        num_other: How many runs were not completed.
        fit_s: Median seconds of a fit.
    """

    values: tuple[str, ...]
    accuracies: list[float]
    num_other: int
    fit_s: float


def read_runs(folder: Path) -> dict[Path, dict[str, Any]]:
    """Every run folder in a sweep's folder that has a result.json, with its content.

    Args:
        folder: The sweep's.

    Raises:
        UserError: If there is none.
    """
    found = {run.path: run.result() for run in RunFolder.all_in(folder)}
    runs = {path: result for path, result in found.items() if result is not None}
    if not runs:
        raise UserError(f"{folder} holds no finished runs; give a sweep's folder such as outputs/sweeps/optimizers")
    return runs


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The results of `read_runs`."""
    return list(read_runs(folder).values())


def varied_names(results: list[dict[str, Any]]) -> list[str]:
    """Names of the choices and values in which runs differ, the seed aside.

    Args:
        results: The content of each result.json.
    """
    choices = [name for name in results[0]["choices"] if len({str(one["choices"].get(name)) for one in results}) > 1]
    params = [
        name
        for name in results[0]["params"]
        if name != "seed"
        and not name.startswith("callbacks.pruning.")  # a search's, of each trial
        and (name.partition(".")[0] not in choices or _is_typed(name, results))
        and len({str(one["params"].get(name)) for one in results}) > 1
    ]
    return [*choices, *params]


def setting(result: dict[str, Any], names: list[str]) -> tuple[str, ...]:
    """A run's values of what is varied.

    Args:
        result: The content of its result.json.
        names: As `varied_names` gives them.
    """
    return tuple(str(result["choices"].get(name, result["params"].get(name))) for name in names)


def tabulate(results: list[dict[str, Any]]) -> tuple[list[str], list[Row]]:
    """What was varied, and a row for each setting of it, best mean first; settings without a completed run last.

    Args:
        results: The content of each result.json.
    """
    names = varied_names(results)
    settings: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in results:
        settings.setdefault(setting(one, names), []).append(one)
    rows = [_row(values, runs) for values, runs in settings.items()]
    return names, sorted(rows, key=lambda row: -statistics.fmean(row.accuracies) if row.accuracies else 1.0)


def format_markdown(names: list[str], rows: list[Row]) -> str:
    """The table in Markdown: mean, standard deviation and range over seeds, in per cent.

    Args:
        names: Of what was varied.
        rows: As `tabulate` gives them.
    """
    header = [*names, "test accuracy, mean", "standard deviation", "lowest to highest", "runs", "fit, s"]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        shown = [f"{100 * accuracy:.2f}" for accuracy in sorted(row.accuracies)]
        spread = f"{100 * statistics.stdev(row.accuracies):.2f}" if len(shown) > 1 else ""
        runs = f"{len(shown)}" + (f", {row.num_other} not completed" if row.num_other else "")
        mean = f"{100 * statistics.fmean(row.accuracies):.2f} %" if shown else ""
        extremes = f"{shown[0]} to {shown[-1]}" if shown else ""
        lines.append([*row.values, mean, spread, extremes, runs, f"{row.fit_s:.0f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_typed(name: str, results: list[dict[str, Any]]) -> bool:
    """Whether a value was set, and is not only its option's own."""
    return any(text.startswith(f"{name}=") for one in results for text in one["overrides"])


def _row(values: tuple[str, ...], runs: list[dict[str, Any]]) -> Row:
    accuracy = ACCURACY.of("test")
    completed = [one for one in runs if one["status"] == Status.COMPLETED and one["metrics"][accuracy] is not None]
    return Row(
        values,
        [one["metrics"][accuracy] for one in completed],
        len(runs) - len(completed),
        statistics.median(one["seconds"]["fit"] for one in runs),
    )
