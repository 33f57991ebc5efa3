"""The runs of a study's sweep as numbers: one value for each seed of a configuration, and differences of pairs."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from cnnlab.errors import UserError
from cnnlab.report.runs import Run

BySeed = dict[int, float]


class Configurations(dict[tuple[str, ...], dict[int, Run]]):
    """The runs of each configuration by their seeds; a configuration without runs is a `UserError`."""

    def __missing__(self, names: tuple[str, ...]) -> dict[int, Run]:
        """What is said of a configuration that a study needs."""
        raise UserError(f"no completed run of {', '.join(names)}; run the sweep again")


def by_configuration(runs: Sequence[Run], keys: Sequence[str]) -> Configurations:
    """The runs of each configuration by their seeds.

    Args:
        runs: Of a sweep.
        keys: What its configurations differ in, as it is typed: axes, such as `activation`, and values.

    Raises:
        UserError: If two runs have the same configuration and seed.
    """
    found = Configurations()
    for run in runs:
        names = tuple(run.choices[key] if key in run.choices else _as_text(run.params[key]) for key in keys)
        before = found.setdefault(names, {}).setdefault(run.seed, run)
        if before is not run:
            raise UserError(
                f"{before.path} and {run.path} are both {', '.join(names)} with seed {run.seed}; remove one of them"
            )
    return found


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def learning_rate(runs: Mapping[int, Run]) -> float:
    """The learning rate of a configuration, tuned or not.

    Args:
        runs: By seed.

    Raises:
        UserError: If they have several.
    """
    rates = sorted({float(run.params["optimizer.lr"]) for run in runs.values()})
    if len(rates) > 1:
        raise UserError(f"{runs[min(runs)].path.parent} has learning rates {rates} for one configuration; remove it")
    return rates[0]


def mean(values: Mapping[int, float]) -> float:
    """The mean over seeds, to five places.

    Args:
        values: By seed.
    """
    return round(fmean(values.values()), 5)


def final_accuracy(run: Run) -> float:
    """A completed run's accuracy on the test images, a fraction."""
    accuracy = run.metric("test/acc")
    assert accuracy is not None
    return accuracy
