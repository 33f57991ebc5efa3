"""A job's process: forked from a server that has torch and the package loaded, so that it starts at once."""

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

from cnnlab.signals import held_back
from cnnlab.sweep.task import Task

SHARED_CONFIG = "CNNLAB_SHARED_CONFIG"  # environment variable of the server: a config, as YAML, whose data it loads
THREADS_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Share:
    """What a job has of the machine.

    Attributes:
        cores: The cores that it is pinned to; empty for any.
        gpu: The one GPU that it sees, as `CUDA_VISIBLE_DEVICES` names it; None leaves that as it is.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None


class Server:
    """Forks the processes of tasks.

    Args:
        threads: Of each process, for OpenMP and BLAS: set before torch is loaded, which reads it once.
        config: One of their configs, as YAML: the server loads its data, which most of them read.
    """

    def __init__(self, threads: int, config: str) -> None:
        os.environ.update(dict.fromkeys(THREADS_VARIABLES, str(threads)))
        self._config = config
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["cnnlab.sweep.engines.preload"])
        self._ensure_running()  # loads while the sweep is planned

    def start(self, task: Task, share: Share) -> ForkServerProcess:
        """A process that runs the task; it ends with this one, whatever ends this one."""
        self._ensure_running()
        process = self._context.Process(target=_run, args=(task, share))
        process.start()
        return process

    def _ensure_running(self) -> None:
        """The server outlives a signal to the whole group, or to all that a scheduler has started here."""
        resource_tracker.ensure_running()  # here, since it ends in letting signals come
        os.environ[SHARED_CONFIG] = self._config
        with held_back():
            forkserver.ensure_running()
        del os.environ[SHARED_CONFIG]


def _run(task: Task, share: Share) -> None:
    os.setsid()  # a Ctrl-C in the terminal is for the sweep, which tells its jobs; it waits until they can act on it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    redirect_output(task.job.log)
    arguments = task.prepare()
    print(task.typed(arguments), flush=True)
    if share.cores:
        os.sched_setaffinity(0, share.cores)
    if share.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = share.gpu
    sys.argv = [str(task.program), *arguments]
    sys.path.insert(0, str(task.program.parent))
    runpy.run_path(str(task.program), run_name="__main__")


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    # what a resume is made for, and at once: another sweep may be at work here any moment
    os.killpg(0, signal.SIGKILL)  # with the processes of a distributed run


def redirect_output(log: Path) -> None:
    """Of this process and those that it starts, appended to a file.

    Args:
        log: The file; its folder is made.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
