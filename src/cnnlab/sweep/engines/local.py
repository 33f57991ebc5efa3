"""Jobs in processes of this machine, so many at a time."""

import os
import signal
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess

from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.fork_server import Server, Share
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task

UNKNOWN = 255  # multiprocessing's word for the exit code of a process whose server is gone


@dataclass
class _Running:
    job: Job
    process: ForkServerProcess
    share: Share
    started: float
    reason: str = ""

    def kill(self) -> None:
        """Ends it and what it has started, of which it leads the group; of one that is gone, what it has left."""
        assert self.process.pid is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()


class LocalEngine:
    """Runs as many jobs at a time as there are shares of the machine.

    Args:
        server: Makes the processes.
        shares: What each of the jobs that run at a time has.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(self, server: Server, shares: list[Share], timeout_s: float | None = None) -> None:
        self._server = server
        self._free = list(reversed(shares))
        self._timeout_s = timeout_s
        self._running: dict[int, _Running] = {}  # by what its end is heard on
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Runs them in order, and tells what happens; whoever stops listening kills what still runs."""
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
        """Starts no more jobs, and passes a signal on to those that run."""
        self._is_stopping = True
        for running in self._running.values():
            assert running.process.pid is not None
            with suppress(ProcessLookupError):
                os.kill(running.process.pid, signum)

    def _start(self, task: Task) -> None:
        share = self._free.pop()
        process = self._server.start(task, share)
        self._running[process.sentinel] = _Running(task.job, process, share, time.monotonic())

    def _reap(self, running: _Running) -> Ended:
        running.process.join()
        exit_code = running.process.exitcode
        assert exit_code is not None
        running.kill()
        if exit_code == UNKNOWN:
            status = running.job.folder.status
            exit_code = status.exit_code if status is not None and status.is_final else -signal.SIGKILL
            running.reason = "lost: the server of its process was killed, out of memory?, or it exited with 255"
        running.process.close()
        self._free.append(running.share)
        return Ended(running.job, exit_code, time.monotonic() - running.started, running.reason)

    def _kill_overdue(self) -> None:
        for running in self._running.values():
            seconds = time.monotonic() - running.started
            if self._timeout_s is not None and seconds > self._timeout_s and not running.reason:
                running.reason = f"killed after {seconds:.0f} s, longer than hydra.launcher.timeout_s"
                running.kill()
