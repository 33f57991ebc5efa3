"""So many processes at a time: started, watched, stopped."""

import os
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess

from cnnlab.sweep.job import Job
from cnnlab.sweep.process import Command, Server, Share

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
        timed_out: Whether it had run for too long, and was killed for that.
        seconds: How long it ran.
    """

    job: Job
    exit_code: int
    timed_out: bool
    seconds: float


@dataclass(frozen=True)
class Tick:
    """Nothing has happened for a moment."""


@dataclass
class _Running:
    job: Job
    process: ForkServerProcess
    share: Share
    started: float
    timed_out: bool = False


class Pool:
    """Runs jobs, as many at a time as there are shares of the machine.

    Args:
        server: Makes the processes.
        shares: What each of the jobs that run at a time has.
        command_of: What a job is, asked when it starts.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(
        self, server: Server, shares: list[Share], command_of: Callable[[Job], Command], timeout_s: float | None = None
    ) -> None:
        self._server = server
        self._free = list(reversed(shares))
        self._command_of = command_of
        self._timeout_s = timeout_s
        self._running: dict[int, _Running] = {}  # by what its end is heard on
        self._is_stopping = False

    def run(self, jobs: Iterable[Job]) -> Generator[Started | Ended | Tick]:
        """Runs them in order, and tells what happens; whoever stops listening kills what still runs."""
        waiting = iter(jobs)
        try:
            while True:
                while self._free and not self._is_stopping and (job := next(waiting, None)) is not None:
                    self._start(job)
                    yield Started(job)
                if not self._running:
                    return
                ended = connection.wait(list(self._running), timeout=TICK_S)
                for sentinel in ended:
                    assert isinstance(sentinel, int)
                    yield self._reap(self._running.pop(sentinel))
                self._kill_overdue()
                yield Tick()
        finally:
            for running in self._running.values():
                running.process.kill()
                running.process.join()

    def stop(self, signum: int | None = None) -> None:
        """Starts no more jobs, and passes a signal on to those that run."""
        self._is_stopping = True
        if signum is not None:
            for running in self._running.values():
                if running.process.pid is not None and running.process.is_alive():
                    os.kill(running.process.pid, signum)

    def _start(self, job: Job) -> None:
        share = self._free.pop()
        process = self._server.start(self._command_of(job), share)
        self._running[process.sentinel] = _Running(job, process, share, time.monotonic())

    def _reap(self, running: _Running) -> Ended:
        running.process.join()
        exit_code = running.process.exitcode
        assert exit_code is not None
        running.process.close()
        self._free.append(running.share)
        return Ended(running.job, exit_code, running.timed_out, time.monotonic() - running.started)

    def _kill_overdue(self) -> None:
        for running in self._running.values():
            if self._timeout_s is not None and time.monotonic() - running.started > self._timeout_s:
                running.timed_out = True
                running.process.kill()
