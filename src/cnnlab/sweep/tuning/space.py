"""The values that are tried for a configuration: a space of parameters, and points of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.errors import HydraException

from cnnlab.errors import UserError, one_line

Values = dict[str, str]  # a point of a space: names to values, as in overrides
LEARNING_RATE = "optimizer.lr"
NAME = re.compile(r"[A-Za-z_][\w/@]*(\.\w+)*")
NUMBERS = re.compile(r"[\d.eE+\-,\[\]\s]*\d[\d.eE+\-,\[\]\s]*")
NOT_TUNED = ("hydra", "sweep", "tuning", "report", "seed", "resume", "objective", "watch", "target", "trust")
DIGITS = 3  # of a drawn number: more would not be reached by any training
EDGE = 0.05  # a value in this share of an interval, at either end, is at its edge


@dataclass(frozen=True)
class Parameter:
    """A value to choose, from an interval or from a list.

    Attributes:
        name: The key, such as `optimizer.lr`.
        text: Its values as they are declared, such as `tag(log,interval(1e-4,1e-1))`.
        low: The lower end of an interval.
        high: Its upper end.
        is_log: Whether it is even in the logarithm.
        is_integer: Whether it has integers only.
        listed: The values of a list; empty for an interval.
    """

    name: str
    text: str
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_integer: bool = False
    listed: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, text: str) -> "Parameter":
        """From Hydra's grammar of sweeps.

        Args:
            name: The key.
            text: An interval, `tag(log,interval(…))`, a `choice(…)`, a `range(…)`, values with commas, or one value.

        Raises:
            UserError: If it is none of them, or the key cannot be tuned.
        """
        if not NAME.fullmatch(name) or re.split(r"[./@]", name)[0] in NOT_TUNED:
            raise UserError(f"{name} cannot be tuned; give the key of a value of a run, such as {LEARNING_RATE}")
        try:
            override = OverridesParser.create().parse_override(f"{name}={text}")
            interval = override.value() if override.is_sweep_override() else None
            is_list = override.is_sweep_override() and not isinstance(interval, IntervalSweep)
            listed = tuple(override.sweep_string_iterator()) if is_list else ()
        except HydraException as error:
            raise _invalid(name, text, one_line(error)) from None
        if isinstance(interval, IntervalSweep):
            return cls._of_interval(name, text, interval)
        if not override.is_sweep_override():
            return cls(name, text, listed=(override.get_value_element_as_str(),))
        return cls(name, text, listed=listed)

    @classmethod
    def _of_interval(cls, name: str, text: str, interval: IntervalSweep) -> "Parameter":
        low, high, is_log = interval.start, interval.end, "log" in interval.tags
        if unknown := set(interval.tags) - {"log"}:
            raise _invalid(name, text, f"unknown tag {min(unknown)}; use log")
        if low is None or high is None or not low < high:
            raise _invalid(name, text, "an interval needs a lower and a higher end")
        if is_log and low <= 0:
            raise _invalid(name, text, "a logarithmic interval begins above 0")
        return cls(name, text, low, high, is_log, isinstance(low, int) and isinstance(high, int))

    def __str__(self) -> str:
        if self.listed:
            return " or ".join(self.listed)
        return f"{self.low:g} to {self.high:g}" + (", logarithmic" if self.is_log else "")

    @property
    def has_numbers_only(self) -> bool:
        """Whether it holds nothing but numbers, and lists of them: then it can name no file, class or address."""
        return all(NUMBERS.fullmatch(value) for value in self.listed)

    def at(self, position: float) -> str:
        """The value at a position of an interval.

        Args:
            position: From 0, its lower end, to 1, its upper one.
        """
        low, high = self.low, self.high
        value = low * (high / low) ** position if self.is_log else low + position * (high - low)
        if self.is_integer:
            return str(min(max(round(value), round(low)), round(high)))
        return f"{min(max(float(f'{value:.{DIGITS}g}'), low), high):g}"

    def position(self, value: str) -> float:
        """Where a value of an interval is in it: the inverse of `at`."""
        number = float(value)
        if self.is_log:
            return float(np.log(number / self.low) / np.log(self.high / self.low))
        return (number - self.low) / (self.high - self.low)

    def is_at_edge(self, value: str) -> bool:
        """Whether a value is so near an end of its interval that a better one may be beyond it."""
        return not self.listed and not EDGE <= self.position(value) <= 1 - EDGE

    def draw(self, generator: np.random.Generator) -> str:
        """A random value."""
        if self.listed:
            return self.listed[generator.integers(len(self.listed))]
        return self.at(float(generator.random()))

    def examples(self) -> tuple[str, ...]:
        """Each listed value, or both ends of the interval."""
        return self.listed or (self.at(0), self.at(1))


@dataclass(frozen=True)
class Space:
    """The parameters that are chosen together.

    Attributes:
        parameters: One of each name.
    """

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, declared: Mapping[str, object]) -> "Space":
        """From names and their values, as in `conf/optimizer_space/`.

        Raises:
            UserError: If one cannot be read.
        """
        return cls(tuple(Parameter.of(name, str(text)) for name, text in declared.items()))

    @property
    def texts(self) -> dict[str, str]:
        """The parameters as they are declared."""
        return {parameter.name: parameter.text for parameter in self.parameters}

    def random(self, num: int, key: str, seed: int) -> list[Values]:
        """Different random points; all of a space that has no more.

        The first of them are the same whatever their number: a larger one adds to an earlier one's trials.

        Args:
            num: How many.
            key: Whose points: each configuration has its own, whatever the others are.
            seed: Of the random numbers.
        """
        generator = np.random.default_rng([seed, crc32(key.encode())])
        found: dict[tuple[str, ...], Values] = {}
        for _ in range(100 * num):
            point = {parameter.name: parameter.draw(generator) for parameter in self.parameters}
            found.setdefault(tuple(point.values()), point)
            if len(found) == num:
                break
        return list(found.values())

    def of_learning_rate(self) -> "Space":
        """The space of the learning rate alone.

        Raises:
            UserError: If it has none.
        """
        rates = tuple(each for each in self.parameters if each.name == LEARNING_RATE)
        if not rates:
            raise UserError(f"sweep.tune=lr: the space has no {LEARNING_RATE}; add it, or use sweep.tune=random")
        return Space(rates)

    def even(self, num: int) -> list[Values]:
        """Points of a space of one parameter, evenly spaced from end to end; all of them if they are listed.

        Args:
            num: How many.
        """
        (parameter,) = self.parameters
        values = parameter.listed or [parameter.at(number / (num - 1) if num > 1 else 0.5) for number in range(num)]
        return [{parameter.name: value} for value in dict.fromkeys(values)]

    def at_edge(self, values: Values) -> list[str]:
        """The names whose values are at an edge of their interval."""
        return [each.name for each in self.parameters if each.name in values and each.is_at_edge(values[each.name])]

    def distance_from_middle(self, values: Values) -> float:
        """The largest distance of a value from the middle of its interval, from 0 to 0.5."""
        positions = [each.position(values[each.name]) for each in self.parameters
                     if each.name in values and not each.listed]  # fmt: skip
        return max((abs(position - 0.5) for position in positions), default=0.0)

    def examples(self) -> list[Values]:
        """Points that have each listed value and both ends of each interval."""
        first = {each.name: each.examples()[0] for each in self.parameters}
        others = [{**first, each.name: value} for each in self.parameters for value in each.examples()[1:]]
        return [first, *others]


def _invalid(name: str, text: str, reason: str) -> UserError:
    return UserError(
        f"{name}: {text} is not a range of values ({reason}); give an interval, such as "
        "tag(log,interval(1e-4,1e-1)), or choice(0.5,0.9)"
    )
