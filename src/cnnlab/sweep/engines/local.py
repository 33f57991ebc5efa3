"""Runs jobs in processes on this machine, a fixed number at a time."""

import os
import signal
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess

from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.fork_server import Allocation, Server
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task

UNKNOWN = 255  # multiprocessing's exit code for a process whose server has died


@dataclass
class _Running:
    job: Job
    process: ForkServerProcess
    allocation: Allocation
    started: float
    reason: str = ""

    def kill(self) -> None:
        """Kills the job's process group: the process, if it is still running, and all that it has started."""
        assert self.process.pid is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()


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
        self._running: dict[int, _Running] = {}  # by the process's sentinel
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Runs the tasks in order and yields events; closing the generator kills the running jobs."""
        waiting = iter(tasks)
        try:
            while True:
                while self._free and not self._is_stopping and (task := next(waiting, None)) is not None:
                    self._start(task)
                    yield Started(task.job)
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
                running.kill()
                running.process.join()

    def stop(self, signum: int) -> None:
        """Starts no more jobs, and forwards a signal to the running ones."""
        self._is_stopping = True
        for running in self._running.values():
            assert running.process.pid is not None
            with suppress(ProcessLookupError):
                os.kill(running.process.pid, signum)

    def _start(self, task: Task) -> None:
        allocation = self._free.pop()
        process = self._server.start(task, allocation)
        self._running[process.sentinel] = _Running(task.job, process, allocation, time.monotonic())

    def _reap(self, running: _Running) -> Ended:
        running.process.join()
        exit_code = running.process.exitcode
        assert exit_code is not None
        running.kill()
        if exit_code == UNKNOWN:
            status = running.job.folder.status
            exit_code = status.exit_code if status is not None and status.is_final else -signal.SIGKILL
            running.reason = "lost: its fork server was killed (out of memory?), or it exited with code 255"
        running.process.close()
        self._free.append(running.allocation)
        return Ended(running.job, exit_code, time.monotonic() - running.started, running.reason)

    def _kill_overdue(self) -> None:
        for running in self._running.values():
            seconds = time.monotonic() - running.started
            if self._timeout_s is not None and seconds > self._timeout_s and not running.reason:
                running.reason = f"killed after {seconds:.0f} s, over hydra.launcher.timeout_s={self._timeout_s:g}"
                running.kill()
