"""What a sweep asks of a place where jobs run, and what it hears from there."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task

TICK_S = 0.25  # how often somebody may look


@dataclass(frozen=True)
class Started:
    """A job's process has begun."""

    job: Job


@dataclass(frozen=True)
class Ended:
    """A job's process is gone.

    Attributes:
        exit_code: Negative for the signal that killed it.
        seconds: How long it ran.
        reason: Why the engine ended it, or how it was lost; empty if it ended by itself.
    """

    job: Job
    exit_code: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Tick:
    """Nothing has happened for a moment."""


class Engine(Protocol):
    """Runs tasks, as many at a time as there is room for."""

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Starts them in order, each when there is room for it, and tells what happens.

        Whoever stops listening ends what still runs.
        """

    def stop(self, signum: int) -> None:
        """Starts no more, and passes a signal on to those that run."""
