"""Runs a task on a cluster node, in a child of the process that the cluster started."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import EXIT_USER_ERROR, UserError
from cnnlab.files import append_bytes
from cnnlab.sweep.engines.fork_server import LOG_ENCODING, THREADS_VARIABLES, redirect_output
from cnnlab.sweep.task import Task

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_S = 0.1
SEARCH_VARIABLE = "CNNLAB_SEARCH"  # environment variable with a search's StudyInfo, which may hold a password


@dataclass(frozen=True)
class NodeEnvironment:
    """The environment that a task's process needs on its node.

    Attributes:
        directory: The working directory.
        variables: Additional environment variables.
    """

    directory: Path
    variables: dict[str, str]

    @classmethod
    def current(cls, threads: int, exclude: tuple[str, ...] = ()) -> "NodeEnvironment":
        """The environment of this process.

        Args:
            threads: For OpenMP and BLAS.
            exclude: Variables that are passed on in another way.
        """
        ours = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("CNNLAB_", "PYTHONPATH")) and name not in exclude
        }
        return cls(Path.cwd(), ours | LOG_ENCODING | dict.fromkeys(THREADS_VARIABLES, str(threads)))


class NodeProcess:
    """A task's process, which ends with its parent.

    Args:
        task: The task that it runs.
        environment: The environment that it runs in.
    """

    def __init__(self, task: Task, environment: NodeEnvironment) -> None:
        os.chdir(environment.directory)
        self._done: int | None = None
        status = task.job.folder.status
        if status is not None and status.is_final:  # the cluster may restart a job that has already finished
            self._done = status.exit_code
            return
        try:
            arguments = task.prepare()
        except UserError as error:
            self._done = EXIT_USER_ERROR
            with suppress(OSError):
                append_bytes(task.job.log, f"error: {error}\n".encode())
            return
        self._popen = subprocess.Popen(
            [sys.executable, str(task.program), *arguments],
            env=os.environ | environment.variables,
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
        """Waits for the process to end, and returns the exit code."""
        while (exit_code := self.poll()) is None:
            time.sleep(POLL_S)
        return exit_code

    def interrupt(self, signum: int) -> None:
        """Makes the run write a checkpoint and exit."""
        if self._done is None:
            self._popen.send_signal(signum)


def _become(task: Task, arguments: list[str]) -> None:
    """Prepares the new process, before it executes the task."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray's workers block some
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm's signal for submitit, sent to all processes of a step
    redirect_output(task.job.log)
    os.write(1, f"{task.log_line(arguments)}\n".encode(errors="backslashreplace"))  # print would use the terminal's
