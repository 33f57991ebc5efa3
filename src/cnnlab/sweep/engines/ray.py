"""Runs jobs on a Ray cluster, or on a temporary one on this machine."""

import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray

from cnnlab.errors import EXIT_USER_ERROR, UserError, one_line
from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.node import POLL_S, NodeEnvironment, NodeProcess
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task

CONNECT_S = 10
INIT_S = 90  # a cluster of this machine takes a few seconds to start, ten on a busy one
CORRECT = "start it, or correct hydra.launcher.ray.init.address"


def run_task(task: Task, environment: NodeEnvironment, stop: Path) -> int:
    """Runs a task on a node; if the node is lost, Ray calls it again, and the run resumes.

    Args:
        task: The job's task.
        environment: The environment of its process.
        stop: When this file appears, the run writes its checkpoint and exits.

    Returns:
        The exit code.
    """
    process = NodeProcess(task, environment)
    is_interrupted = False
    while (exit_code := process.poll()) is None:
        if not is_interrupted and stop.exists():
            process.interrupt(signal.SIGINT)
            is_interrupted = True
        time.sleep(POLL_S)
    return exit_code


@dataclass(frozen=True)
class _Submitted:
    job: Job
    started: float


class RayEngine:
    """Submits as many jobs at a time as the cluster has room for.

    Args:
        init: Arguments of `ray.init`; without an `address` the cluster is this machine, for as long as the sweep runs.
        remote: The resources of a job: arguments of `ray.remote`.
        threads: Threads per job.
        folder: The sweep's folder, on a file system that all nodes share.

    Raises:
        UserError: If Ray rejects the arguments, or this machine lacks the resources that a job requests.
    """

    def __init__(self, init: dict[str, Any], remote: dict[str, Any], threads: int, folder: Path) -> None:
        # without an address, Ray would read it from a file that a killed cluster leaves behind
        address = init.get("address") or os.environ.get("RAY_ADDRESS") or "local"
        if ":" in address:
            print(f"connecting to the Ray cluster at {address}", file=sys.stderr, flush=True)
            _check_reachable(address)
        quiet = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
        try:
            with _patience(address):
                ray.init(**{**quiet, **init, "address": address})
            self._function = ray.remote(**remote)(run_task)
        except (ConnectionError, RuntimeError, ValueError, TypeError) as error:
            raise UserError(f"hydra/launcher=ray: {one_line(error)}") from None
        self._requested = {
            "CPU": remote.get("num_cpus", 1),
            "GPU": remote.get("num_gpus", 0),
            **remote.get("resources", {}),
        }
        self._check_capacity(may_grow=address != "local")
        self._environment = NodeEnvironment.current(threads)
        self._stop = folder.resolve() / f".stop-{uuid.uuid4().hex}"
        self._submitted: dict[Any, _Submitted] = {}  # by Ray's reference
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Runs the tasks and yields events; closing the generator cancels the running jobs."""
        waiting = iter(tasks)
        try:
            while True:
                while len(self._submitted) < self._capacity() and (task := next(waiting, None)) is not None:
                    reference = self._function.remote(task, self._environment, self._stop)
                    self._submitted[reference] = _Submitted(task.job, time.monotonic())
                    yield Started(task.job)
                if not self._submitted:
                    return
                ended, _ = ray.wait(list(self._submitted), timeout=TICK_S)
                for reference in ended:
                    yield self._ended(reference, self._submitted.pop(reference))
                yield Tick()
        finally:
            for reference in self._submitted:
                ray.cancel(reference, force=True)
            self._stop.unlink(missing_ok=True)

    def stop(self, signum: int) -> None:
        """Starts no more jobs, and makes the running ones write their checkpoints and exit."""
        self._is_stopping = True
        self._stop.touch()

    def close(self) -> None:
        """Leaves the cluster, and ends one of this machine alone."""
        ray.shutdown()

    def _capacity(self) -> int:
        """How many jobs the cluster has room for now; it may grow or shrink."""
        if self._is_stopping:
            return 0
        has = ray.cluster_resources()
        rooms = [int(has.get(name, 0) / amount) for name, amount in self._requested.items() if amount]
        return max(1, min(rooms, default=int(has.get("CPU", 0))))

    def _check_capacity(self, *, may_grow: bool) -> None:
        """Reports if no node has the resources that a job requests.

        Args:
            may_grow: Whether nodes may be added, so that this is only a warning.
        """
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in self._requested.items()) for node in nodes):
            return
        requested = ", ".join(f"{amount} {name}" for name, amount in self._requested.items() if amount)
        if may_grow:
            print(f"no node of the Ray cluster has the requested {requested}; waiting for one", file=sys.stderr)
            return
        ray.shutdown()
        raise UserError(
            f"hydra/launcher=ray: a job requests {requested}, more than this machine has; "
            "reduce hydra.launcher.ray.remote, or set hydra.launcher.ray.init.address"
        )

    def _ended(self, reference: Any, submitted: _Submitted) -> Ended:
        seconds = time.monotonic() - submitted.started
        try:
            return Ended(submitted.job, ray.get(reference), seconds)
        except ray.exceptions.RayError as error:
            return Ended(submitted.job, -signal.SIGKILL, seconds, f"lost by Ray: {str(error).strip().splitlines()[0]}")


def _check_reachable(address: str) -> None:
    """Ray itself tries for two minutes, in silence."""
    try:
        parts = urlsplit(address if "://" in address else f"ray://{address}")
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise UserError(f"{_unreachable(address)} ({error}); {CORRECT}") from None


@contextmanager
def _patience(address: str) -> Iterator[None]:
    """Ends the program if Ray does not: what waits there is in C++, where no exception reaches it."""

    def give_up() -> None:
        print(f"error: {_unreachable(address)} within {INIT_S} s; {CORRECT}", file=sys.stderr, flush=True)
        os._exit(EXIT_USER_ERROR)

    timer = threading.Timer(INIT_S, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _unreachable(address: str) -> str:
    return f"hydra/launcher=ray: no Ray cluster answers at {address}"
