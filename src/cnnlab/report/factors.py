"""What the varied values do, one by one and together: shares of variance, a heat map, the sensitivity to a number."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from cnnlab.report.configurations import Configuration, as_number, in_order, label
from cnnlab.report.summaries import summarise

LEAST_VALUES = 3  # of a number whose sensitivity is shown
REST = "seed and rest"

Cell = Mapping[str, Any]


def shares_of_variance(
    names: Sequence[str], configurations: Sequence[Configuration], metric: str
) -> dict[str, Any] | None:
    """Main effects and interactions of two names, as shares of the variance of all runs.

    Sums of squares of a balanced design: every combination of values, each over as many seeds. The rest is chance and
    what three names do together.

    Args:
        names: The varied names.
        configurations: Each with a value of every name.
        metric: Such as `test/acc`.

    Returns:
        None unless two names or more vary, and the design is balanced.
    """
    cells = [(each.values, list(each.measured(metric).values())) for each in configurations]
    num_cells = math.prod(len({repr(values[name]) for values, _ in cells}) for name in names)
    if len(names) < 2 or num_cells != len(cells) or len({len(runs) for _, runs in cells}) != 1 or not cells[0][1]:
        return None
    total = float(np.var([value for _, runs in cells for value in runs]))
    if total == 0:
        return None
    main = {name: _explained([name], cells) for name in names}
    both = {pair: _explained(pair, cells) - main[pair[0]] - main[pair[1]] for pair in combinations(names, 2)}
    factors: list[dict[str, Any]] = [
        *({"name": name, "share": value / total} for name, value in main.items()),
        *({"name": " × ".join(pair), "share": max(0.0, value / total)} for pair, value in both.items()),
    ]
    rest = 1 - sum(float(factor["share"]) for factor in factors)
    return {"factors": [*factors, {"name": REST, "share": max(0.0, rest)}]}


def heat_map(
    names: Sequence[str], configurations: Sequence[Configuration], metrics: Mapping[str, str]
) -> dict[str, Any] | None:
    """The means of all combinations of two names' values; None unless two names vary.

    Args:
        names: The varied names.
        configurations: Each with a value of every name.
        metrics: Key in the result to metric, such as `{"val": "val/acc"}`.
    """
    if len(names) != 2:
        return None
    rows, columns = names
    row_values, column_values = (
        sorted({repr(each.values[name]): each.values[name] for each in configurations}.values(), key=in_order)
        for name in names
    )
    found = {(repr(each.values[rows]), repr(each.values[columns])): each for each in configurations}
    tables = {
        key: [[_mean(found.get((repr(row), repr(column))), metric) for column in column_values] for row in row_values]
        for key, metric in metrics.items()
    }
    return {"rows": rows, "columns": columns, "row_values": row_values, "column_values": column_values, **tables}


def sensitivity(names: Sequence[str], configurations: Sequence[Configuration], metric: str) -> dict[str, Any] | None:
    """The metric against a positive number that varies, a line for each combination of the other values.

    Args:
        names: The varied names; the learning rate is preferred.
        configurations: Each with a value of every name.
        metric: Such as `val/acc`.

    Returns:
        None if no name has at least three positive numbers.
    """
    quantities = [name for name in names if not name.endswith("seed")]  # seeds are names
    candidates = sorted(quantities, key=lambda name: name != "optimizer.lr")
    name = next((name for name in candidates if _num_positive(name, configurations) >= LEAST_VALUES), None)
    if name is None:
        return None
    lines: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    for each in configurations:
        x, summary = as_number(each.values[name]), summarise(each.measured(metric))
        if x is not None and x > 0 and summary is not None:
            others = ", ".join(label(other, value) for other, value in each.values.items() if other != name)
            lines.setdefault(others, []).append((x, summary))
    return {
        "name": name,
        "lines": [
            {
                "label": text,
                "x": [x for x, _ in points],
                "val": [summary["mean"] for _, summary in points],
                "low": [summary["low"] for _, summary in points],
                "high": [summary["high"] for _, summary in points],
            }
            for text, points in ((text, sorted(line, key=lambda point: point[0])) for text, line in lines.items())
        ],
    }


def _explained(names: Sequence[str], cells: Sequence[tuple[Cell, list[float]]]) -> float:
    """The variance of the means of all runs that share the values of some names."""
    groups: dict[str, list[float]] = {}
    for values, runs in cells:
        groups.setdefault(repr([values[name] for name in names]), []).extend(runs)
    return float(np.var([np.mean(runs) for runs in groups.values()]))


def _mean(configuration: Configuration | None, metric: str) -> float | None:
    summary = None if configuration is None else summarise(configuration.measured(metric))
    return None if summary is None else float(summary["mean"])


def _num_positive(name: str, configurations: Sequence[Configuration]) -> int:
    numbers = {as_number(each.values[name]) for each in configurations}
    return sum(number is not None and number > 0 for number in numbers)
