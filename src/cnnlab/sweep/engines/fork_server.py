"""Forks each job's process from a server that has torch and the package loaded, so that it starts at once."""

import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cnnlab.errors import UserError
from cnnlab.files import open_to_append
from cnnlab.signals import blocked
from cnnlab.sweep.engines.serve import NUMBER
from cnnlab.sweep.task import Task

THREADS_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SHARED_CONFIG = "CNNLAB_SHARED_CONFIG"  # environment variable of the server: a config, as YAML
WAY_OUT = "reduce hydra.launcher.n_jobs, or use hydra/launcher=basic"
NUM_STARTS = 3  # of the server for one job, before the job counts as killed
LOG_ENCODING = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
SERVER = """
import sys
sys.path[:] = {path!r}
import functools, os, socket
from cnnlab.sweep.engines.preload import preload
from cnnlab.sweep.engines.serve import serve
serve(socket.socket(fileno={control}), functools.partial(preload, os.environ.pop("{variable}")))
"""


class ServerLost(RuntimeError):
    """The server was killed, or failed, as often as it was started."""


@dataclass(frozen=True)
class Allocation:
    """The cores and the GPU that a job may use.

    Attributes:
        cores: The cores that it is pinned to; empty for any.
        gpu: The only GPU that it sees, as in `CUDA_VISIBLE_DEVICES`; None leaves that variable unchanged.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None


class JobProcess:
    """A job's process, which ends with this one, however this one ends.

    Args:
        pid: Its id.
        status: The pipe that carries its exit code.
        work: The pipe that it watches: once it is closed, the process ends.
    """

    def __init__(self, pid: int, status: int, work: int) -> None:
        self.pid = pid
        self.status = status
        self._work = work

    def kill(self) -> None:
        """Kills it, if it is still running, and all that it has started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def interrupt(self, signum: int) -> None:
        """Sends it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    def exit_code(self) -> int | None:
        """Waits for its end; None if nobody knows its exit code: it was killed, and the server too."""
        exit_code = _read_number(self.status)
        self.kill()
        os.close(self.status)
        os.close(self._work)
        return exit_code


class ServerProcess(Protocol):
    """The part of subprocess.Popen that is used of the server's process."""

    def wait(self) -> object:
        """Waits for its end."""

    def kill(self) -> None:
        """Kills it."""


class Server:
    """Forks the processes of tasks.

    Args:
        threads: OpenMP and BLAS threads of each process; set before torch is loaded, which reads them once.
        config: The config of one task, as YAML: the server loads its data, which most tasks share.
    """

    def __init__(self, threads: int, config: str) -> None:
        os.environ.update(dict.fromkeys(THREADS_VARIABLES, str(threads)))
        self._config = config
        try:
            self._control, self._process = launch(config)  # loads while the sweep is planned
        except OSError as error:
            raise UserError(f"the fork server cannot be started ({error.strerror}); {WAY_OUT}") from None

    def start(self, task: Task, allocation: Allocation) -> JobProcess:
        """Starts a process that runs the task; a server that was killed is started again.

        Raises:
            ServerLost: If that did not help.
        """
        try:
            for attempt in range(NUM_STARTS):
                if attempt:
                    message = "the fork server was killed (out of memory?); it is started again"
                    print(message, file=sys.stderr, flush=True)
                    self.close()
                    self._control, self._process = launch(self._config)
                process = self._request(task, allocation)
                if process is not None:
                    return process
        except OSError as error:  # too many files, or no memory
            raise ServerLost(f"the job cannot be started ({error.strerror}); {WAY_OUT}") from None
        raise ServerLost(
            f"the fork server was killed {NUM_STARTS} times before the job could start (out of memory?); {WAY_OUT}"
        )

    def close(self) -> None:
        """Ends the server, whose jobs have ended; it may still be loading."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def _request(self, task: Task, allocation: Allocation) -> JobProcess | None:
        """A process, which has started; None if the server is dead."""
        work, our_work = os.pipe()
        our_status, status = os.pipe()
        try:
            with suppress(OSError):
                socket.send_fds(self._control, [b"+"], [work, status])
        finally:
            os.close(work)
            os.close(status)
        pid = _read_number(our_status)  # waits until the server has loaded
        if pid is None:
            os.close(our_work)
            os.close(our_status)
            return None
        with suppress(BrokenPipeError), open(our_work, "wb", closefd=False) as stream:
            stream.write(pickle.dumps((_run, (task, allocation))))
        return JobProcess(pid, our_status, our_work)


def launch(config: str) -> tuple[socket.socket, ServerProcess]:
    """Starts a server, which outlives a signal to the process group or to all of a scheduler's processes.

    Args:
        config: As for `Server`.

    Returns:
        The socket for requests, and the server's process.
    """
    ours, theirs = socket.socketpair()
    program = SERVER.format(path=sys.path, control=theirs.fileno(), variable=SHARED_CONFIG)
    options = [*(f"-W{option}" for option in sys.warnoptions), *["-O"] * sys.flags.optimize]
    with theirs, blocked():
        process = subprocess.Popen(
            [sys.executable, *options, "-c", program],
            env=os.environ | {SHARED_CONFIG: config},  # other users see the arguments
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return ours, process


def _read_number(pipe: int) -> int | None:
    content = os.read(pipe, NUMBER.size)  # written at once
    return int(NUMBER.unpack(content)[0]) if content else None


def _run(task: Task, allocation: Allocation) -> None:
    redirect_output(task.job.log)
    # in UTF-8, whatever the terminal's encoding is, and even if the sweep's own streams are closed
    sys.stdout, sys.stderr = (
        open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    arguments = task.prepare()
    print(task.log_line(arguments), flush=True)
    if allocation.cores:
        os.sched_setaffinity(0, allocation.cores)
    if allocation.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = allocation.gpu
    sys.argv = [str(task.program), *arguments]
    sys.path.insert(0, str(task.program.parent))
    runpy.run_path(str(task.program), run_name="__main__")


def redirect_output(log: Path) -> None:
    """Appends the output of this process and its children to a file, in UTF-8 whatever the terminal's encoding is.

    Args:
        log: The file; its folder is created.

    Raises:
        UserError: If something else is in its place.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = open_to_append(log)
    except OSError as error:
        raise UserError(f"cannot write the log {log} ({error.strerror}); remove what is there") from None
    for stream in (1, 2):
        os.dup2(file, stream)
    if file > 2:  # else a stream was closed, and this is one
        os.close(file)
    os.environ |= LOG_ENCODING
