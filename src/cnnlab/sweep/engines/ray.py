"""Jobs on a Ray cluster, or on one that this machine is made into for the occasion."""

import os
import signal
import sys
import time
import uuid
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from cnnlab.errors import UserError
from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.node import POLL_S, NodeProcess, Surroundings
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task


def run_task(task: Task, surroundings: Surroundings, stop: Path) -> int:
    """What Ray runs on a node, and runs again if the node is lost: a run then goes on.

    Args:
        task: The job's.
        surroundings: What its process is given.
        stop: When this file appears, the run has to write its checkpoint and end.

    Returns:
        The exit code.
    """
    process = NodeProcess(task, surroundings)
    is_told = False
    while (exit_code := process.poll()) is None:
        if not is_told and stop.exists():
            process.interrupt(signal.SIGINT)
            is_told = True
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
        remote: What a job asks for: arguments of `ray.remote`.
        threads: Of each job.
        folder: The sweep's, which all nodes see.

    Raises:
        UserError: If Ray refuses the arguments, or this machine has less than a job asks for.
    """

    def __init__(self, init: dict[str, Any], remote: dict[str, Any], threads: int, folder: Path) -> None:
        # without an address Ray would look for one in a file, which a killed cluster leaves behind
        address = init.get("address") or os.environ.get("RAY_ADDRESS") or "local"
        quiet = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
        try:
            ray.init(**{**quiet, **init, "address": address})
            self._function = ray.remote(**remote)(run_task)
        except (ConnectionError, RuntimeError, ValueError, TypeError) as error:
            raise UserError(f"hydra/launcher=ray: {' '.join(str(error).split())}") from None
        self._asks = {
            "CPU": remote.get("num_cpus", 1),
            "GPU": remote.get("num_gpus", 0),
            **remote.get("resources", {}),
        }
        self._check_room(may_grow=address != "local")
        self._surroundings = Surroundings.here(threads)
        self._stop = folder.resolve() / f".stop-{uuid.uuid4().hex}"
        self._submitted: dict[Any, _Submitted] = {}  # by Ray's reference
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Has them run, and tells what happens; whoever stops listening cancels what runs."""
        waiting = iter(tasks)
        try:
            while True:
                while len(self._submitted) < self._room() and (task := next(waiting, None)) is not None:
                    reference = self._function.remote(task, self._surroundings, self._stop)
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
            ray.shutdown()
            self._stop.unlink(missing_ok=True)

    def stop(self, signum: int) -> None:
        """Starts no more jobs, and has those that run write their checkpoints and end."""
        self._is_stopping = True
        self._stop.touch()

    def _room(self) -> int:
        """How many jobs the cluster has room for now: it may grow and shrink."""
        if self._is_stopping:
            return 0
        has = ray.cluster_resources()
        rooms = [int(has.get(name, 0) / amount) for name, amount in self._asks.items() if amount]
        return max(1, min(rooms, default=int(has.get("CPU", 0))))

    def _check_room(self, *, may_grow: bool) -> None:
        """Says so if a job would wait, for ever or until the cluster has a node for it.

        Args:
            may_grow: Whether nodes may be added.
        """
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0) >= amount for name, amount in self._asks.items()) for node in nodes):
            return
        asked = ", ".join(f"{amount} {name}" for name, amount in self._asks.items() if amount)
        if may_grow:
            print(f"no node of the Ray cluster has {asked}, which a job asks for: it waits for one", file=sys.stderr)
            return
        ray.shutdown()
        raise UserError(
            f"hydra/launcher=ray: a job asks for {asked}, which this machine has not; "
            "give less in hydra.launcher.ray.remote, or an address in hydra.launcher.ray.init"
        )

    def _ended(self, reference: Any, one: _Submitted) -> Ended:
        seconds = time.monotonic() - one.started
        try:
            return Ended(one.job, ray.get(reference), seconds)
        except ray.exceptions.RayError as error:
            return Ended(one.job, -signal.SIGKILL, seconds, f"lost by Ray: {str(error).strip().splitlines()[0]}")
