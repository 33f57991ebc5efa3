"""A sweep from its first job to its last."""

import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
from cnnlab.sweep.outcome import Outcome, outcome
from cnnlab.sweep.task import Task

TENSORBOARD = "tensorboard --logdir"


@dataclass(frozen=True)
class Settings:
    """How a sweep is run.

    Attributes:
        fail_fast: The first failure stops it.
        fail_on_divergence: A run that diverges has failed.
    """

    fail_fast: bool = False
    fail_on_divergence: bool = False


class Sweep:
    """The jobs of one folder.

    Args:
        folder: The sweep's; its jobs' folders and `logs/` are in it.
        num_todo: How many tasks there are to run.
        num_done: How many jobs were done before.
        settings: See there.
        heard: Is told of each job that ends.
        readers: Commands that take the folder, to be typed next; None: the table of runs, where it is, and TensorBoard.
        before: What came of jobs that were done before, as far as it is told again.
    """

    def __init__(
        self,
        folder: Path,
        num_todo: int,
        num_done: int,
        settings: Settings,
        heard: Callable[[Outcome], None] | None = None,
        readers: tuple[str, ...] | None = None,
        before: Sequence[Outcome] = (),
    ) -> None:
        self.folder = folder
        self.num_todo = num_todo
        self.num_done = num_done
        self.before = before
        self.settings = settings
        self.outcomes: list[Outcome] = []
        self._heard = heard
        self._readers = (*repository_script("scripts/table.py"), TENSORBOARD) if readers is None else readers
        self._started = time.monotonic()
        self._is_stopped = False

    def run(self, engine: Engine, tasks: Iterable[Task]) -> None:
        """Does what is to be done.

        Args:
            engine: Where.
            tasks: What, in order; asked for the next one only when there is room for it.

        Raises:
            SweepFailed: If a job failed, after all that was to be run has been.
            Interrupted: On SIGINT or SIGTERM, after the running jobs have written their checkpoints.
        """
        display = make_display(self.num_todo, self.num_done)
        try:
            with SignalGuard() as guard:
                guard.deferring = True
                self._listen(engine, tasks, display, guard)
        finally:
            display.close()
            self._summarise()
        if guard.received is not None:
            raise Interrupted(guard.received)
        if any(map(self._has_failed, [*self.before, *self.outcomes])):
            raise SweepFailed(self.folder)

    def _listen(self, engine: Engine, tasks: Iterable[Task], display: Display, guard: SignalGuard) -> None:
        with closing(engine.run(tasks)) as events:
            for event in events:
                if isinstance(event, Started):
                    display.started(event.job)
                elif isinstance(event, Ended):
                    self._hear(outcome(event), display)
                    if self.settings.fail_fast and self._has_failed(self.outcomes[-1]) and not self._is_stopped:
                        self._stop(engine, signal.SIGINT)
                else:
                    display.tick()
                if guard.received is not None and not self._is_stopped:
                    self._stop(engine, guard.received)

    def _hear(self, one: Outcome, display: Display) -> None:
        self.outcomes.append(one)
        display.ended(one)
        if self._heard is not None:
            self._heard(one)

    def _stop(self, engine: Engine, signum: int) -> None:
        engine.stop(signum)
        self._is_stopped = True

    def _has_failed(self, one: Outcome) -> bool:
        if one.status is Status.INTERRUPTED:
            return not self._is_stopped  # by somebody else
        is_failure = one.status in (Status.FAILED, Status.KILLED)
        return is_failure or (one.status is Status.DIVERGED and self.settings.fail_on_divergence)

    def _summarise(self) -> None:
        counts = Counter(str(one.status) for one in self.outcomes)
        counts["done before"] = self.num_done
        counts["not started"] = self.num_todo - len(self.outcomes)
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count > 0)
        seconds = timedelta(seconds=round(time.monotonic() - self._started))
        print(f"{self.num_todo + self.num_done} jobs in {seconds}: {told}")
        every = [*self.before, *self.outcomes]
        for one in filter(self._has_failed, every):
            print(f"  {one.job.name}: {one.status.label}: {one.reason}\n    {one.job.log}")
        for name, count in Counter(one.job.folder.fallback for one in every).items():
            if name is not None:
                print(f"  {count} of them used {name}: the requested data was unavailable, see their logs")
        folder = shlex.quote(str(self.folder))
        print(f"in {self.folder}; next:")
        print("\n".join(f"  {reader} {folder}" for reader in self._readers), flush=True)
