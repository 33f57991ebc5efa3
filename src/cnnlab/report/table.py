"""The runs of a sweep as a table: settings and accuracies, over seeds."""

import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.metrics import ACCURACY
from cnnlab.run.flaws import find_flaw
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep.current import current_names


@dataclass(frozen=True)
class Row:
    """The runs of a setting, which differ only in their seed.

    Attributes:
        values: The varied values.
        accuracies: Test accuracy of each completed run, as fractions.
        num_other: The number of runs that did not complete.
        fit_s: Median seconds of a fit.
    """

    values: tuple[str, ...]
    accuracies: list[float]
    num_other: int
    fit_s: float


def read_runs(folder: Path) -> dict[Path, dict[str, Any]]:
    """The run folders in a sweep's folder that have a result.json, with its content; of each job, one run.

    Prints a line about what is left out: runs of jobs whose config has changed since, and what no run wrote.

    Args:
        folder: The sweep's folder.

    Raises:
        UserError: If there are none.
    """
    found: dict[Path, dict[str, Any]] = {}
    for run in RunFolder.all_in(folder):
        result = run.result()
        flaw = "not readable, or without a status" if result is None else find_flaw(result)
        if flaw is None and result is not None and not result["params"]:  # it failed before they were known
            flaw = f"it does not say what was run ({result['status']})"
        if flaw is not None or result is None:
            print(f"{run.result_json} is left out: {flaw}", file=sys.stderr)
        else:
            found[run.path] = result
    current = current_names(folder, (path.name for path in found))
    runs = {path: result for path, result in found.items() if path.name in current}
    if others := len(found) - len(runs):
        print(f"{others} runs are left out: the last command gave their jobs another config", file=sys.stderr)
    if not runs:
        raise UserError(f"{folder} has no finished runs; give a sweep's folder, such as outputs/sweeps/optimizers")
    return runs


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The results of `read_runs`."""
    return list(read_runs(folder).values())


def varied_names(results: list[dict[str, Any]]) -> list[str]:
    """Names of the choices and values in which runs differ, except the seed.

    Args:
        results: The content of each result.json.
    """
    choices = [name for name in _names("choices", results) if _is_varied(name, "choices", results)]
    params = [
        name
        for name in _names("params", results)
        if name not in ("seed", "resume")
        and not name.startswith("callbacks.pruning.")  # a search's, of each trial
        and (name.partition(".")[0] not in choices or _is_typed(name, results))
        and _is_varied(name, "params", results)
    ]
    return [*choices, *params]


def _names(key: str, results: list[dict[str, Any]]) -> dict[str, None]:
    """The names that any run has, in the first one's order: an option may have values that another one lacks."""
    return dict.fromkeys(name for result in results for name in result[key])


def _is_varied(name: str, key: str, results: list[dict[str, Any]]) -> bool:
    return len({str(result[key].get(name)) for result in results}) > 1


def setting(result: dict[str, Any], names: list[str]) -> tuple[str, ...]:
    """A run's varied values.

    Args:
        result: The content of its result.json.
        names: From `varied_names`.
    """
    return tuple(str(result["choices"].get(name, result["params"].get(name))) for name in names)


def tabulate(results: list[dict[str, Any]]) -> tuple[list[str], list[Row]]:
    """The varied names and a row per setting, in the order of their names.

    Args:
        results: The content of each result.json.
    """
    names = varied_names(results)
    settings: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for result in results:
        settings.setdefault(setting(result, names), []).append(result)
    rows = [_row(values, runs) for values, runs in settings.items()]
    return names, sorted(rows, key=lambda row: in_order(row.values))


def in_order(values: tuple[str, ...]) -> list[tuple[float, str]]:
    """Sorts settings by their names, numbers by value: the test set decides nothing, and so not their order."""
    return [(float(value), "") if _is_number(value) else (math.inf, value) for value in values]


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def format_markdown(names: list[str], rows: list[Row]) -> str:
    """The table in Markdown: mean, standard deviation and range over seeds, in per cent.

    Args:
        names: The names of the varied values.
        rows: From `tabulate`.
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
    """Whether a value was set by an override, rather than by its option."""
    return any(str(text).startswith(f"{name}=") for result in results for text in result["overrides"])


def _row(values: tuple[str, ...], runs: list[dict[str, Any]]) -> Row:
    accuracy = ACCURACY.of("test")
    completed = [run for run in runs if run["status"] == Status.COMPLETED and run["metrics"].get(accuracy) is not None]
    return Row(
        values,
        [run["metrics"][accuracy] for run in completed],
        len(runs) - len(completed),
        statistics.median(run["seconds"].get("fit") or 0.0 for run in runs),
    )
