"""Runs that differ only in their seed, and what the user calls them."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.experiment.axes import AXES
from cnnlab.experiment.schema import OF_SWEEPS
from cnnlab.report.runs import Run
from cnnlab.run.status import Status

COMPUTES = ("cnnlab", "torch", "lightning", "numpy", "kernels")  # of a run's code: what its numbers come from
IGNORED = (  # what is typed without being part of an experiment, besides the seed
    *("seed", "resume", "console", "hydra.", "target", "objective", "logger", "callbacks", *OF_SWEEPS),
)


@dataclass(frozen=True)
class Configuration:
    """An experiment over seeds.

    Attributes:
        values: What distinguishes it from the others: the varied names, in the user's words, and its values.
        runs: One of each seed, by seed.
    """

    values: Mapping[str, Any]
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """Its values on one line: `adam, lr=0.01`."""
        return ", ".join(label(name, value) for name, value in self.values.items()) or "all runs"

    @property
    def num_lost(self) -> int:
        """How many runs diverged or failed."""
        return sum(run.status in (Status.DIVERGED, Status.FAILED, Status.KILLED) for run in self.runs)

    def measured(self, metric: str) -> dict[int, float]:
        """The metric of each completed run that has it, by seed.

        Args:
            metric: Such as `test/acc`.
        """
        values = ((run.seed, run.metric(metric)) for run in self.runs)
        return {seed: value for seed, value in values if value is not None}


def group(
    runs: Sequence[Run], tuned: Collection[str] = (), mix_versions: bool = False
) -> tuple[list[str], list[Configuration]]:
    """The varied names and the configurations, in the order of their values, numbers by value.

    Two runs are of one configuration if all values that can change their numbers are the same, their data, and what
    computed them. Of a seed that ran twice the later folder counts.

    Args:
        runs: From `read_runs`.
        tuned: Names whose values follow from the others, and are no part of a configuration's name.
        mix_versions: Whether runs that other versions or kernels computed are of one configuration.
    """
    members: dict[Any, dict[int, Run]] = {}
    separate = () if mix_versions else differing(runs, COMPUTES)
    for run in runs:
        members.setdefault((*_identity(run), *(run.code.get(name) for name in separate)), {})[run.seed] = run
    distinctions = _distinctions([next(iter(each.values())) for each in members.values()], tuple(tuned))
    found = [
        Configuration(values, tuple(each[seed] for seed in sorted(each)))
        for values, each in zip(distinctions, members.values(), strict=True)
    ]
    names = list(distinctions[0]) if distinctions else []
    return names, sorted(found, key=lambda configuration: [in_order(value) for value in configuration.values.values()])


def differing(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """In what the runs' code differs, of the names; a run that does not say does not differ.

    Args:
        runs: Any.
        names: Such as `torch` or `commit`.
    """
    return [name for name in names if len({run.code[name] for run in runs if name in run.code}) > 1]


def in_order(value: object) -> tuple[float, str]:
    """Sorts numbers by value, before texts."""
    number = as_number(value)
    return (math.inf, str(value)) if number is None else (number, "")


def as_number(value: object) -> float | None:
    """A value as a finite number; None if it is none."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _identity(run: Run) -> tuple[Any, ...]:
    return (*sorted((name, repr(value)) for name, value in _values(run).items()), data_files(run))


def data_files(run: Run) -> str:
    """What tells the files of a run's data set from others: the first digits of their checksums.

    Args:
        run: Any.
    """
    files = run.result["data"].get("sha256")
    return "+".join(sorted(str(digest)[:8] for digest in files.values())) if isinstance(files, dict) else ""


def _values(run: Run) -> dict[str, Any]:
    """The option of each axis, and every value that can change the numbers."""
    options = {axis: run.choices[axis] for axis in AXES if axis in run.choices}
    return {**options, **run.params, **run.choices}  # the axes first, in their order


def _distinctions(firsts: Sequence[Run], tuned: tuple[str, ...]) -> list[dict[str, Any]]:
    """The varied names, and their values in each configuration.

    Those are the overrides that differ, if they tell all configurations apart, and else the axes and values that do;
    with what computed them or the files of their data, if it takes that.

    Args:
        firsts: A run of each configuration.
        tuned: Names that are typed without being told by.
    """
    typed = _only_varied([run.typed for run in firsts], lambda name: not (name.startswith(IGNORED) or name in tuned))
    code = _only_varied([{name: run.code.get(name) for name in COMPUTES} for run in firsts], lambda _: True)
    files = [{"data files": data_files(run)} for run in firsts]
    both = [{**one, **other} for one, other in zip(code, files, strict=True)]
    extras: list[list[dict[str, Any]]] = [[{}] * len(firsts), code, files, both]
    for more in extras:
        for values in (typed, _axes_and_values(firsts)):
            found = [{**each, **further} for each, further in zip(values, more, strict=True)]
            if len({repr(sorted(each.items())) for each in found}) == len(firsts):
                return found
    return found


def _axes_and_values(firsts: Sequence[Run]) -> list[dict[str, Any]]:
    values = [_values(run) for run in firsts]
    varied_axes = [axis for axis in AXES if len({str(each.get(axis)) for each in values}) > 1]

    def is_told_by_its_axis(name: str) -> bool:
        """Whether a value is its option's own: the same in all configurations with that option, and not typed."""
        axis = name.partition(".")[0]
        if axis not in varied_axes or axis == name or any(name in run.typed for run in firsts):
            return False
        pairs = {(str(each.get(axis)), repr(each.get(name))) for each in values}
        return len(pairs) == len({option for option, _ in pairs})

    return _only_varied(values, lambda name: not is_told_by_its_axis(name))


def _only_varied(values: Sequence[Mapping[str, Any]], is_wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for each in values for name in each if is_wanted(name))
    varied = [name for name in names if len({repr(each.get(name)) for each in values}) > 1]
    return [{name: each.get(name) for name in varied} for each in values]


def label(name: str, value: object) -> str:
    """A value as a part of a configuration's name: an option speaks for itself, a number or a flag needs its name."""
    number = as_number(value)
    text = f"{number:g}" if number is not None else "none" if value is None else str(value)
    is_option = name in AXES or ("." not in name and number is None and text not in ("True", "False", "true", "false"))
    is_option &= name not in COMPUTES
    return text if is_option else f"{name.rpartition('.')[2]}={text}"
