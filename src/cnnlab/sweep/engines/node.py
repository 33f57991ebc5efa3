"""A task on a cluster's node: a process of its own there, watched by the one that the cluster started."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cnnlab.sweep.engines.fork_server import THREADS_VARIABLES, redirect_output
from cnnlab.sweep.task import Task

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_S = 0.1
SEARCH = "CNNLAB_SEARCH"  # environment variable: what a search tells its runs, perhaps a password


@dataclass(frozen=True)
class Surroundings:
    """What a task's process has to be given where it runs.

    Attributes:
        directory: The current one.
        environment: Variables that are added.
    """

    directory: Path
    environment: dict[str, str]

    @classmethod
    def here(cls, threads: int, but: tuple[str, ...] = ()) -> "Surroundings":
        """As this process has them.

        Args:
            threads: For OpenMP and BLAS.
            but: Variables that are passed on in another way.
        """
        ours = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("CNNLAB_", "PYTHONPATH")) and name not in but
        }
        return cls(Path.cwd(), ours | dict.fromkeys(THREADS_VARIABLES, str(threads)))


class NodeProcess:
    """A task's process, which ends with the one that made it.

    Args:
        task: What it runs.
        surroundings: What it is given.
    """

    def __init__(self, task: Task, surroundings: Surroundings) -> None:
        os.chdir(surroundings.directory)
        self._done: int | None = None
        status = task.job.folder.status
        if status is not None and status.is_final:  # a cluster that starts a job again may do so too late
            self._done = status.exit_code
            return
        arguments = task.prepare()
        self._popen = subprocess.Popen(
            [sys.executable, str(task.program), *arguments],
            env=os.environ | surroundings.environment,
            preexec_fn=lambda: _become(task, arguments),
        )

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._done is None:
            # unlike Popen.wait, this may be called within itself, by a signal's handler
            if os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                return None
            self._done = self._popen.wait()
        return self._done

    def wait(self) -> int:
        """Waits for its end, and returns the exit code."""
        while (exit_code := self.poll()) is None:
            time.sleep(POLL_S)
        return exit_code

    def interrupt(self, signum: int) -> None:
        """Has it write a checkpoint and end."""
        if self._done is None:
            self._popen.send_signal(signum)


def _become(task: Task, arguments: list[str]) -> None:
    """In the new process, before it is the task's."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray's workers block some
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm's word to submitit, which all of a step's processes get
    redirect_output(task.job.log)
    print(task.typed(arguments), flush=True)
