"""Runs jobs in processes on this machine, a fixed number at a time."""

import signal
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from multiprocessing import connection

from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.fork_server import Allocation, JobProcess, Server, ServerLost
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task


@dataclass
class _Running:
    job: Job
    process: JobProcess
    allocation: Allocation
    started: float
    reason: str = ""


class LocalEngine:
    """Runs as many jobs at a time as there are allocations.

    Args:
        server: Forks the processes.
        allocations: One for each job that runs at a time.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(self, server: Server, allocations: list[Allocation], timeout_s: float | None = None) -> None:
        self._server = server
        self._free = list(reversed(allocations))
        self._timeout_s = timeout_s
        self._running: dict[int, _Running] = {}  # by the pipe that carries the exit code
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Runs the tasks in order and yields events; closing the generator kills the running jobs."""
        waiting = iter(tasks)
        try:
            while True:
                while self._free and not self._is_stopping and (task := next(waiting, None)) is not None:
                    started = time.monotonic()
                    yield Started(task.job)
                    try:
                        self._start(task)
                    except ServerLost as error:
                        self._is_stopping = True  # the next job would fare no better
                        yield Ended(task.job, -signal.SIGKILL, time.monotonic() - started, str(error))
                if not self._running:
                    return
                for status in connection.wait(list(self._running), timeout=TICK_S):
                    assert isinstance(status, int)
                    yield self._reap(self._running.pop(status))
                self._kill_overdue()
                yield Tick()
        finally:
            for running in self._running.values():
                running.process.kill()
                running.process.exit_code()

    def stop(self, signum: int) -> None:
        """Starts no more jobs, and forwards a signal to the running ones."""
        self._is_stopping = True
        for running in self._running.values():
            running.process.interrupt(signum)

    def close(self) -> None:
        """Ends the server."""
        self._server.close()

    def _start(self, task: Task) -> None:
        process = self._server.start(task, self._free[-1])
        self._running[process.status] = _Running(task.job, process, self._free.pop(), time.monotonic())

    def _reap(self, running: _Running) -> Ended:
        exit_code = running.process.exit_code()
        if exit_code is None:
            status = running.job.folder.status
            exit_code = status.exit_code if status is not None and status.is_final else -signal.SIGKILL
            running.reason = running.reason or "killed together with its fork server; out of memory?"
        self._free.append(running.allocation)
        return Ended(running.job, exit_code, time.monotonic() - running.started, running.reason)

    def _kill_overdue(self) -> None:
        for running in self._running.values():
            seconds = time.monotonic() - running.started
            if self._timeout_s is not None and seconds > self._timeout_s and not running.reason:
                running.reason = f"killed after {seconds:.0f} s, over hydra.launcher.timeout_s={self._timeout_s:g}"
                running.process.kill()
