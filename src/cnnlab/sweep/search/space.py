"""The search space, given by Hydra's overrides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cnnlab.errors import UserError, one_line
from cnnlab.program import as_typed
from cnnlab.sweep.check import check_choices

COMPARED_BY = ("objective", "target", "watch")

Value = str | int | float | bool | None


@dataclass(frozen=True)
class Parameter:
    """A searched parameter.

    Attributes:
        name: The key, such as `optimizer.lr`.
        typed: The key as typed, with a `+`, for example.
        distribution: Optuna's distribution of its values.
    """

    name: str
    typed: str
    distribution: BaseDistribution

    def __str__(self) -> str:
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return f"{self.name}: {', '.join(map(as_typed, choices))}"
            case IntDistribution(low=low, high=high, log=is_log) | FloatDistribution(low=low, high=high, log=is_log):
                return f"{self.name}: from {low} to {high}" + (", logarithmic" if is_log else "")
        raise AssertionError(self.distribution)

    def override(self, value: Value) -> str:
        """The override that sets this value."""
        return f"{self.typed}={as_typed(value)}"

    def values(self) -> list[Value] | None:
        """All possible values, in order; None for a continuous interval."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return list(choices)
            case IntDistribution(low=low, high=high, step=step):
                return list(range(low, high + 1, step))
            case FloatDistribution(low=low, high=high, step=float(step)):
                return [low + number * step for number in range(round((high - low) / step) + 1)]
        return None

    def examples(self) -> list[Value]:
        """Each choice, or both ends of the interval."""
        if isinstance(self.distribution, CategoricalDistribution):
            return list(self.distribution.choices)
        assert isinstance(self.distribution, IntDistribution | FloatDistribution)
        return [self.distribution.low, self.distribution.high]


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        fixed: Overrides that are the same in all trials.
        parameters: The searched parameters.
    """

    fixed: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, overrides: list[Override]) -> "Space":
        """From parsed overrides; of two with the same key, the last counts.

        Args:
            overrides: A comma or `choice` is categorical, `range` and `interval` are numeric; `tag(log, …)` is searched
                on a logarithmic scale, `int(interval(…))` in integers.

        Raises:
            UserError: If nothing is searched, or a range is invalid.
        """
        last = {override.key_or_group: override for override in overrides}
        searched = {name: override for name, override in last.items() if override.is_sweep_override()}
        if not searched:
            raise UserError(
                "hydra/sweeper=optuna: no parameter to search; give choices, as in optimizer=sgd,adam, or an interval, "
                "as in 'optimizer.lr=tag(log,interval(1e-4,1))'"
            )
        if alike := next((name for name in COMPARED_BY if name in searched), None):
            raise UserError(f"{alike} cannot be searched, since trials are compared by it; give a single value")
        if deleted := next((override.input_line for override in last.values() if override.is_delete()), None):
            raise UserError(
                f"{deleted} is not allowed in a search: its best trial becomes a config file, which cannot delete; "
                "set a value, or choose another option of the group"
            )
        fixed = tuple(str(override.input_line) for name, override in last.items() if name not in searched)
        return cls(
            fixed,
            tuple(
                Parameter(name, override.get_key_element(), _distribution(override))
                for name, override in searched.items()
            ),
        )

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distributions, by parameter."""
        return {parameter.name: parameter.distribution for parameter in self.parameters}

    def overrides(self, values: dict[str, Value]) -> tuple[str, ...]:
        """The overrides of a trial with these values."""
        return (*self.fixed, *self.searched(values))

    def searched(self, values: dict[str, Value]) -> tuple[str, ...]:
        """A trial's overrides without the fixed ones."""
        return tuple(parameter.override(values[parameter.name]) for parameter in self.parameters)

    def examples(self) -> Iterator[tuple[str, ...]]:
        """The overrides of a few trials that cover each choice and both ends of each interval."""
        first = {parameter.name: parameter.examples()[0] for parameter in self.parameters}
        yield self.overrides(first)
        for parameter in self.parameters:
            for value in parameter.examples()[1:]:
                yield self.overrides({**first, parameter.name: value})

    def grid(self) -> dict[str, list[Value]]:
        """All values of each parameter.

        Raises:
            UserError: If a parameter is a continuous interval.
        """
        grid = {parameter.name: parameter.values() for parameter in self.parameters}
        for name, values in grid.items():
            if values is None:
                raise UserError(
                    f"hydra/sweeper/sampler=grid cannot try all values of {name}, an interval; give choices, or a "
                    f"range, as in '{name}=range(0.1,0.6,0.1)'"
                )
        return {name: values for name, values in grid.items() if values is not None}


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    unknown = set(getattr(value, "tags", None) or ()) - {"log"}
    if unknown:
        raise UserError(f"{override.input_line}: unknown tag {min(unknown)}; use log")
    check_choices(override)
    try:
        if isinstance(value, IntervalSweep):
            return _interval(value)
        values: list[Any] = list(override.sweep_iterator(transformer=Transformer.encode))
        if isinstance(value, RangeSweep):
            return _range(values, value)
        return CategoricalDistribution(values)
    except ValueError as error:
        raise UserError(f"{override.input_line} cannot be searched: {one_line(error)}") from None


def _interval(interval: IntervalSweep) -> IntDistribution | FloatDistribution:
    low, high, is_log = interval.start, interval.end, "log" in interval.tags
    assert low is not None
    assert high is not None
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _range(values: list[Any], steps: RangeSweep) -> IntDistribution | FloatDistribution:
    step, is_log = abs(steps.step or 1), "log" in steps.tags
    if all(isinstance(value, int) for value in values):
        return IntDistribution(min(values), max(values), log=is_log, step=int(step))
    high = float(f"{max(values):.12g}")  # Hydra adds up the steps, and their rounding errors
    return FloatDistribution(min(values), high, log=is_log, step=step)
