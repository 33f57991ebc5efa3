"""A sweep from its plan to its last job."""

import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cnnlab.errors import SweepFailed
from cnnlab.signals import Interrupted, SignalGuard
from cnnlab.sweep.display import Display, make_display
from cnnlab.sweep.job import Job
from cnnlab.sweep.outcome import Outcome, outcome
from cnnlab.sweep.plan import Action, Step
from cnnlab.sweep.pool import Ended, Pool, Started
from cnnlab.sweep.process import Command, Server, Share


@dataclass(frozen=True)
class Settings:
    """How a sweep is run.

    Attributes:
        fail_fast: The first failure stops it.
        fail_on_divergence: A run that diverges has failed.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    fail_fast: bool = False
    fail_on_divergence: bool = False
    timeout_s: float | None = None


class Sweep:
    """The jobs of one folder.

    Args:
        folder: The sweep's; its jobs' folders and `logs/` are in it.
        steps: What is to be done.
        arguments_of: What a run of a job is started with.
        program: The script that runs one.
        settings: See there.
    """

    def __init__(
        self,
        folder: Path,
        steps: list[Step],
        arguments_of: Callable[[Step], list[str]],
        program: Path,
        settings: Settings,
    ) -> None:
        self.folder = folder
        self.steps = {step.job.name: step for step in steps}
        self.settings = settings
        self.outcomes: list[Outcome] = []
        self._arguments_of = arguments_of
        self._program = program
        self._started = time.monotonic()
        self._is_stopped = False

    @property
    def todo(self) -> list[Job]:
        """Those that are not done."""
        return [step.job for step in self.steps.values() if step.action is not Action.SKIP]

    def log(self, job: Job) -> Path:
        """What a job prints."""
        return self.folder / "logs" / f"{job.name}.log"

    def run(self, server: Server, shares: list[Share]) -> None:
        """Does what is to be done.

        Args:
            server: Makes the processes.
            shares: What each of those that run at a time has of the machine.

        Raises:
            SweepFailed: If a job failed, after all that was to be run has been.
            Interrupted: On SIGINT or SIGTERM, after the running jobs have written their checkpoints.
        """
        pool = Pool(server, shares, self._command, self.settings.timeout_s)
        display = make_display(len(self.todo), len(self.steps) - len(self.todo))
        try:
            with SignalGuard() as guard:
                guard.deferring = True
                self._listen(pool, display, guard)
        finally:
            display.close()
            self._summarise()
        if guard.received is not None:
            raise Interrupted(guard.received)
        if any(self._has_failed(one) for one in self.outcomes):
            raise SweepFailed(self.folder)

    def _listen(self, pool: Pool, display: Display, guard: SignalGuard) -> None:
        with closing(pool.run(self.todo)) as events:
            for event in events:
                if isinstance(event, Started):
                    display.started(event.job)
                elif isinstance(event, Ended):
                    self.outcomes.append(outcome(event, self.log(event.job)))
                    display.ended(self.outcomes[-1])
                    if self.settings.fail_fast and self._has_failed(self.outcomes[-1]) and not self._is_stopped:
                        self._stop(pool, signal.SIGINT)
                else:
                    display.tick()
                if guard.received is not None and not self._is_stopped:
                    self._stop(pool, guard.received)

    def _command(self, job: Job) -> Command:
        step = self.steps[job.name]
        if step.action is not Action.CONTINUE:
            job.clear()
        return Command(self._program, tuple(self._arguments_of(step)), self.log(job))

    def _stop(self, pool: Pool, signum: int) -> None:
        pool.stop(signum)
        self._is_stopped = True

    def _has_failed(self, one: Outcome) -> bool:
        if one.status == "interrupted":
            return not self._is_stopped  # by somebody else
        return one.status == "failed" or (one.status == "diverged" and self.settings.fail_on_divergence)

    def _summarise(self) -> None:
        counts = Counter(one.status for one in self.outcomes)
        counts["done before"] = len(self.steps) - len(self.todo)
        counts["not started"] = len(self.todo) - len(self.outcomes)
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        print(f"{len(self.steps)} jobs in {timedelta(seconds=round(time.monotonic() - self._started))}: {told}")
        for one in self.outcomes:
            if self._has_failed(one):
                print(f"  {one.job.name}: {one.status}, {one.reason}\n    {self.log(one.job)}")
        print(f"in {self.folder}; look at it with: tensorboard --logdir {shlex.quote(str(self.folder))}", flush=True)
