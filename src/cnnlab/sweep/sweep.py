"""Runs a sweep from its first job to its last."""

import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cnnlab.errors import SweepFailed
from cnnlab.program import repository_script
from cnnlab.run.status import Status
from cnnlab.signals import Interrupted, SignalGuard
from cnnlab.sweep.display import Display, make_display
from cnnlab.sweep.engines import Ended, Engine, Started
from cnnlab.sweep.outcome import Outcome, determine_outcome
from cnnlab.sweep.task import Task

TENSORBOARD = "tensorboard --logdir"


@dataclass(frozen=True)
class Settings:
    """A sweep's settings.

    Attributes:
        fail_fast: Whether the first failure stops the sweep.
        fail_on_divergence: Whether a diverged run counts as a failure.
    """

    fail_fast: bool = False
    fail_on_divergence: bool = False


class Sweep:
    """The jobs in one folder.

    Args:
        folder: The sweep's folder, with its jobs' folders and `logs/`.
        num_todo: How many tasks to run.
        num_done: How many jobs were done before.
        settings: The sweep's settings.
        on_outcome: Called with the outcome of each job that ends.
        next_commands: Commands to suggest for the folder; None for scripts/report.py, if present, and TensorBoard;
            empty if something else has the last word.
        earlier: Outcomes of jobs that were done before, to be reported again.
    """

    def __init__(
        self,
        folder: Path,
        num_todo: int,
        num_done: int,
        settings: Settings,
        on_outcome: Callable[[Outcome], None] | None = None,
        next_commands: tuple[str, ...] | None = None,
        earlier: Sequence[Outcome] = (),
    ) -> None:
        self.folder = folder
        self.num_todo = num_todo
        self.num_done = num_done
        self.earlier = earlier
        self.settings = settings
        self.outcomes: list[Outcome] = []
        self._on_outcome = on_outcome
        commands = (*repository_script("scripts/report.py"), TENSORBOARD) if next_commands is None else next_commands
        self._next_commands = commands
        self._started = time.monotonic()
        self._is_stopped = False
        self._is_exhausted = False  # no task remains; other machines may have taken some of a search's

    def run(self, engine: Engine, tasks: Iterable[Task]) -> None:
        """Runs the tasks.

        Args:
            engine: Where they run.
            tasks: Consumed lazily, in order: the next task is taken when there is room for it.

        Raises:
            SweepFailed: If a job failed, after all jobs have ended.
            Interrupted: On SIGINT or SIGTERM, after the running jobs have written their checkpoints.
        """
        display = make_display(self.num_todo, self.num_done)
        try:
            with SignalGuard() as guard:
                guard.deferring = True
                self._handle_events(engine, self._until_exhausted(tasks), display, guard)
        finally:
            display.close()
            self._summarise()
        if guard.received is not None:
            raise Interrupted(guard.received)
        if any(map(self._has_failed, [*self.earlier, *self.outcomes])):
            raise SweepFailed(self.folder)

    def _until_exhausted(self, tasks: Iterable[Task]) -> Iterator[Task]:
        yield from tasks
        self._is_exhausted = True

    def _handle_events(self, engine: Engine, tasks: Iterable[Task], display: Display, guard: SignalGuard) -> None:
        with closing(engine.run(tasks)) as events:
            for event in events:
                if isinstance(event, Started):
                    display.started(event.job)
                elif isinstance(event, Ended):
                    self._record(determine_outcome(event), display)
                    if self.settings.fail_fast and self._has_failed(self.outcomes[-1]) and not self._is_stopped:
                        self._stop(engine, signal.SIGINT)
                else:
                    display.tick()
                if guard.received is not None and not self._is_stopped:
                    self._stop(engine, guard.received)

    def _record(self, outcome: Outcome, display: Display) -> None:
        self.outcomes.append(outcome)
        display.ended(outcome)
        if self._on_outcome is not None:
            self._on_outcome(outcome)

    def _stop(self, engine: Engine, signum: int) -> None:
        engine.stop(signum)
        self._is_stopped = True

    def _has_failed(self, outcome: Outcome) -> bool:
        if outcome.status is Status.INTERRUPTED:
            return not self._is_stopped  # by someone else
        is_failure = outcome.status in (Status.FAILED, Status.KILLED)
        return is_failure or (outcome.status is Status.DIVERGED and self.settings.fail_on_divergence)

    def _summarise(self) -> None:
        counts = Counter(str(outcome.status) for outcome in self.outcomes)
        counts["done before"] = self.num_done
        has_started_all = self._is_exhausted and not self._is_stopped
        counts["not started"] = 0 if has_started_all else self.num_todo - len(self.outcomes)
        parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count > 0)
        seconds = timedelta(seconds=round(time.monotonic() - self._started))
        print(f"{counts.total()} jobs in {seconds}: {parts}")
        all_outcomes = [*self.earlier, *self.outcomes]
        for outcome in filter(self._has_failed, all_outcomes):
            print(f"  {outcome.job.name}: {outcome.status.label}: {outcome.reason}\n    {outcome.job.log}")
        for name, count in Counter(outcome.job.folder.fallback for outcome in all_outcomes).items():
            if name is not None:
                print(f"  {count} of them used {name}: the requested data was unavailable, see their logs")
        if self._is_stopped or counts["not started"] > 0:
            print("run the same command again to resume the sweep")
        has_events = any(self.folder.glob("*/events.out.tfevents.*"))
        commands = [command for command in self._next_commands if command != TENSORBOARD or has_events]
        folder = shlex.quote(str(self.folder))
        lines = [f"in {self.folder}" + ("; next:" if commands else ""), *(f"  {each} {folder}" for each in commands)]
        print("\n".join(lines), flush=True)
