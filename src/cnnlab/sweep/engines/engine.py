"""The interface of the engines that run a sweep's jobs, and the events that they report."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task

TICK_S = 0.25  # between events at most


@dataclass(frozen=True)
class Started:
    """A job's process has started."""

    job: Job


@dataclass(frozen=True)
class Ended:
    """A job's process has ended.

    Attributes:
        exit_code: Negative: the signal that killed it.
        seconds: How long it ran.
        reason: Why the engine killed it, or how it was lost; empty if it ended by itself.
    """

    job: Job
    exit_code: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Tick:
    """Nothing has happened for a short while."""


class Engine(Protocol):
    """Runs tasks, as many at a time as there is room for."""

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Starts the tasks in order, each when there is room for it, and yields events.

        Closing the generator kills the running jobs.
        """

    def stop(self, signum: int) -> None:
        """Starts no more tasks, and forwards a signal to the running ones."""

    def close(self) -> None:
        """Releases what it holds, whether or not it has run."""
