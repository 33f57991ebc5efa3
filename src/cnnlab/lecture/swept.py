"""The runs of a study's sweep as numbers: one value for each seed of a configuration, and differences of pairs."""

from collections.abc import Callable, Mapping, Sequence

from cnnlab.errors import UserError
from cnnlab.report.runs import Run

BySeed = dict[int, float]


def by_configuration(runs: Sequence[Run], keys: Sequence[str]) -> dict[tuple[str, ...], dict[int, Run]]:
    """The runs of each configuration by their seeds.

    Args:
        runs: Of a sweep.
        keys: What its configurations differ in, as it is typed: axes, such as `activation`, and values.
    """
    found: dict[tuple[str, ...], dict[int, Run]] = {}
    for run in runs:
        names = tuple(run.choices[key] if key in run.choices else str(run.params[key]) for key in keys)
        found.setdefault(names, {})[run.seed] = run
    return found


def each_seed(runs: Mapping[int, Run], measure: Callable[[Run], float]) -> BySeed:
    """A value for each seed.

    Args:
        runs: Of a configuration, by seed.
        measure: From a run to a number.
    """
    return {seed: measure(run) for seed, run in sorted(runs.items())}


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> list[float]:
    """First minus second, for each seed that both have.

    Args:
        first: Values by seed.
        second: The same of another configuration.

    Raises:
        UserError: If they have fewer than two seeds in common.
    """
    common = sorted(first.keys() & second.keys())
    if len(common) < 2:
        raise UserError(f"seeds {sorted(first)} and {sorted(second)} make fewer than two pairs; run the sweep again")
    return [first[seed] - second[seed] for seed in common]


def final_accuracy(run: Run) -> float:
    """A completed run's accuracy on the test images, a fraction."""
    accuracy = run.metric("test/acc")
    assert accuracy is not None
    return accuracy
