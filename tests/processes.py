"""train.py in real processes, forked from a server that has torch loaded, so that each starts at once."""

import multiprocessing
import os
import runpy
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from cnnlab.signals import SIGNALS, blocked
from cnnlab.sweep.engines import fork_server
from cnnlab.sweep.engines.serve import serve

REPOSITORY = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["cnnlab.run.execution"])
PATIENCE_S = 600  # far more than anything takes on a slow machine


def unmeasured() -> dict[str, str]:
    """This environment without the variables that measure coverage in child processes, which takes time and memory."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


@dataclass
class Command:
    """A started train.py."""

    process: BaseProcess
    output: Path

    def wait(self) -> tuple[int, str]:
        """Its exit code (negative: killed by that signal) and its output."""
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"still running after {PATIENCE_S} s: {self.output.read_text()}")
        return self.process.exitcode, self.output.read_text()


def start(
    output: Path, *arguments: str, environment: dict[str, str] | None = None, lends_server: bool = False
) -> Command:
    """Starts `python train.py` with these arguments in the repository; it prints into a file.

    Args:
        lends_server: Whether a sweep has a fork of the tests' process as its server, instead of loading one.
    """
    process = CONTEXT.Process(target=_main, args=(output, arguments, environment or {}, lends_server))
    process.start()
    return Command(process, output)


@dataclass
class Forked:
    """A fork server that is a fork of its sweep's process, which has torch loaded."""

    pid: int

    def wait(self) -> None:
        with suppress(ChildProcessError):  # it was waited for before
            os.waitpid(self.pid, 0)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def launch_by_fork(config: str, preload: Callable[[], None] = lambda: None) -> tuple[socket.socket, Forked]:
    """Like that of cnnlab.sweep.engines.fork_server, but at once: this process has all loaded."""
    ours, theirs = socket.socketpair()
    with blocked():
        pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for handled in SIGNALS:
            signal.signal(handled, signal.SIG_DFL)
        control = os.dup2(theirs.fileno(), 3)
        os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))  # locks, too
        sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)  # not pytest's
        try:
            serve(socket.socket(fileno=control), preload)
        finally:
            os._exit(0)
    theirs.close()
    return ours, Forked(pid)


def _main(output: Path, arguments: tuple[str, ...], environment: dict[str, str], lends_server: bool) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(REPOSITORY)
    os.environ.update(environment)
    tempfile.tempdir = None  # the environment's, as in a process that was not forked
    if lends_server:
        servers = [launch_by_fork("") for _ in range(2)]  # now, since later this process is a sweep's, of two stages
        fork_server.launch = lambda config: servers.pop()
    sys.argv = ["train.py", *arguments]
    runpy.run_path("train.py", run_name="__main__")
