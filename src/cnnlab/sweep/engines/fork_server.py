"""Forks each job's process from a server that has torch and the package loaded, so that it starts at once."""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from cnnlab.signals import HANGUP, blocked
from cnnlab.sweep.task import Task

SHARED_CONFIG = "CNNLAB_SHARED_CONFIG"  # environment variable of the server: a config, as YAML, whose data it loads
THREADS_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Allocation:
    """The cores and the GPU that a job may use.

    Attributes:
        cores: The cores that it is pinned to; empty for any.
        gpu: The only GPU that it sees, as in `CUDA_VISIBLE_DEVICES`; None leaves that variable unchanged.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None


class Server:
    """Forks the processes of tasks.

    Args:
        threads: OpenMP and BLAS threads of each process; set before torch is loaded, which reads them once.
        config: The config of one task, as YAML: the server loads its data, which most tasks share.
    """

    def __init__(self, threads: int, config: str) -> None:
        os.environ.update(dict.fromkeys(THREADS_VARIABLES, str(threads)))
        self._config = config
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["cnnlab.sweep.engines.preload"])
        self._ensure_running()  # loads while the sweep is planned

    def start(self, task: Task, allocation: Allocation) -> ForkServerProcess:
        """Starts a process that runs the task, and that ends with this process, however this one ends."""
        self._ensure_running()
        process = self._context.Process(target=_run, args=(task, allocation))
        process.start()
        return process

    def _ensure_running(self) -> None:
        """Starts the server, which outlives a signal to the process group or to all of a scheduler's processes."""
        with blocked(() if HANGUP is None else (HANGUP,)):  # it ignores the other signals itself
            resource_tracker.ensure_running()  # here, since it unblocks those
        os.environ[SHARED_CONFIG] = self._config
        with blocked():
            forkserver.ensure_running()
        del os.environ[SHARED_CONFIG]


def _run(task: Task, allocation: Allocation) -> None:
    os.setsid()  # a Ctrl-C in the terminal reaches only the sweep, which forwards it once the jobs can handle it
    threading.Thread(target=_end_with_parent, daemon=True).start()
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


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    # the run can be resumed, and another sweep may start here at any moment
    os.killpg(0, signal.SIGKILL)  # with the processes of a distributed run


def redirect_output(log: Path) -> None:
    """Appends the output of this process and its children to a file.

    Args:
        log: The file; its folder is created.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(file, stream)
    if file > 2:  # else a stream was closed, and this is one
        os.close(file)
