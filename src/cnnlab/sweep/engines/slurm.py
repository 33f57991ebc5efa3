"""Jobs on a Slurm cluster, through submitit."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit.helpers import DelayedSubmission

from cnnlab.errors import UserError
from cnnlab.files import write_atomically
from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.node import SEARCH, NodeProcess, Surroundings
from cnnlab.sweep.task import Task

EXIT_PREEMPTED = 128 + signal.SIGTERM
LOST_AFTER = 3  # looks at a queue that no longer has a job which has left no word


class SlurmTask:
    """What submitit runs on a node: a task that a preemption or a time limit stops, requeues and goes on with.

    Args:
        task: The job's.
        surroundings: What its process is given.
    """

    def __init__(self, task: Task, surroundings: Surroundings) -> None:
        self.task = task
        self.surroundings = surroundings
        self._process: NodeProcess | None = None

    def __call__(self) -> int:
        """The exit code."""
        signal.signal(signal.SIGINT, lambda *_: None)  # it comes to the task's process too, which acts on it
        os.environ["SLURM_JOB_NAME"] = "bash"  # has Lightning start the processes of ddp, instead of waiting for srun's
        self._process = NodeProcess(self.task, self.surroundings)
        exit_code = self._process.wait()
        number = submitit.JobEnvironment().job_id
        if exit_code == EXIT_PREEMPTED and (_queue() or {}).get(number) == "RUNNING":  # and was not cancelled
            subprocess.run(["scontrol", "requeue", number], check=True)
            while True:
                signal.pause()  # until Slurm ends this start of the job
        return exit_code

    def checkpoint(self) -> DelayedSubmission:
        """Asked by submitit before the time limit: stops the task, and says how to go on."""
        if self._process is not None:
            self._process.interrupt(signal.SIGTERM)
            self._process.wait()
        return DelayedSubmission(SlurmTask(self.task, self.surroundings))


@dataclass(frozen=True)
class _InQueue:
    """Of a sweep before this: the number of a job, and what it is to run."""

    number: str
    arguments: tuple[str, ...]


@dataclass
class _Submitted:
    task: Task
    handle: submitit.Job[int]
    started: float | None = None
    missed: int = 0  # looks at the queue without it


class SlurmEngine:
    """Submits jobs as arrays, and watches the queue; jobs that a killed sweep has left there are found again.

    Args:
        folder: Of submitit's files, which all nodes see.
        parameters: Of `submitit.AutoExecutor.update_parameters`.
        max_num_timeout: How often a job may reach its time limit and go on.
        threads: Of each job.
        num_at_a_time: How many are in the queue at a time.
        poll_s: Between two looks at the queue.
    """

    def __init__(
        self,
        folder: Path,
        parameters: dict[str, Any],
        *,
        max_num_timeout: int,
        threads: int,
        num_at_a_time: int,
        poll_s: float,
    ) -> None:
        try:
            self._executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=max_num_timeout)
            self._executor.update_parameters(**parameters)
        except (RuntimeError, NameError, ValueError) as error:
            raise UserError(f"hydra/launcher=slurm: {' '.join(str(error).split())}") from None
        self._folder = folder
        self._surroundings = Surroundings.here(threads, but=(SEARCH,))  # sbatch exports it; submitit writes files
        self._num_at_a_time = num_at_a_time
        self._poll_s = poll_s
        self._record = folder / "jobs.json"
        self._submitted: list[_Submitted] = []
        self._left: dict[str, _InQueue] = {}
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Has them run, and tells what happens; whoever stops listening cancels what is in the queue."""
        waiting = iter(tasks)
        self._left = self._left_in_queue()
        is_complete = False
        try:
            while not is_complete or self._submitted:
                if not is_complete and not self._is_stopping:
                    is_complete = self._fill(waiting)
                yield from self._look()
                for _ in range(max(1, round(self._poll_s / TICK_S))):
                    time.sleep(TICK_S)
                    yield Tick()
                is_complete |= self._is_stopping
        finally:
            self._cancel()

    def stop(self, signum: int) -> None:
        """Takes what waits out of the queue, and has what runs write its checkpoint and end."""
        self._is_stopping = True
        self._cancel("--state=PENDING")
        self._submitted = [one for one in self._submitted if one.started is not None]
        self._cancel("--signal=INT")

    def _fill(self, waiting: Iterable[Task]) -> bool:
        """Submits as much as there is room for; whether nothing waits any more."""
        tasks = [task for _, task in zip(range(self._num_at_a_time - len(self._submitted)), waiting, strict=False)]
        is_complete = len(tasks) < self._num_at_a_time - len(self._submitted)
        found = {task.job.name: handle for task in tasks if (handle := self._find(task)) is not None}
        new = [task for task in tasks if task.job.name not in found]
        if new:
            found |= {task.job.name: handle for task, handle in zip(new, self._submit(new), strict=True)}
        self._submitted += [_Submitted(task, found[task.job.name]) for task in tasks]
        if tasks:
            self._note()
        return is_complete

    def _find(self, task: Task) -> submitit.Job[int] | None:
        """It, if it is in the queue already; one that is there for another run of its name is taken out."""
        left = self._left.pop(task.job.name, None)
        if left is None:
            return None
        if left.arguments == task.arguments:
            return submitit.SlurmJob[int](self._folder, left.number)
        subprocess.run(["scancel", "--quiet", left.number], check=False)
        return None

    def _submit(self, tasks: list[Task]) -> list[submitit.Job[int]]:
        calls: list[Callable[[], int]] = [SlurmTask(task, self._surroundings) for task in tasks]
        try:
            return self._executor.submit_array(calls)
        except submitit.core.utils.FailedJobError as error:
            raise UserError(f"Slurm refused the jobs: {' '.join(str(error).split())}") from None

    def _look(self) -> Generator[Started | Ended]:
        states = _queue()
        for one in list(self._submitted):
            state = None if states is None else states.get(one.handle.job_id, "")
            if state == "RUNNING" and one.started is None:
                one.started = time.monotonic()
                yield Started(one.task.job)
            one.missed = one.missed + 1 if state == "" else 0
            if one.handle.paths.result_pickle.exists() or one.missed >= LOST_AFTER:
                if one.started is None:
                    yield Started(one.task.job)
                self._submitted.remove(one)
                yield _ended(one)

    def _left_in_queue(self) -> dict[str, _InQueue]:
        """Those jobs of a sweep before this that are still in the queue, by their names."""
        try:
            noted = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return {}
        states = _queue() or {}
        left = {name: _InQueue(number, tuple(arguments)) for name, (number, arguments) in noted.items()}
        return {name: one for name, one in left.items() if one.number in states}

    def _note(self) -> None:
        left = {name: (one.number, one.arguments) for name, one in self._left.items()}
        ours = {one.task.job.name: (one.handle.job_id, one.task.arguments) for one in self._submitted}
        write_atomically(self._record, json.dumps(left | ours).encode())

    def _cancel(self, *options: str) -> None:
        numbers = [one.handle.job_id for one in self._submitted]
        if numbers:
            subprocess.run(["scancel", "--quiet", *options, *numbers], check=False)


def _queue() -> dict[str, str] | None:
    """This user's jobs and their states; None while the cluster does not answer."""
    command = ["squeue", "--me", "--noheader", "--array", "--format=%i %T"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


def _ended(one: _Submitted) -> Ended:
    seconds = time.monotonic() - one.started if one.started is not None else 0.0
    if not one.handle.paths.result_pickle.exists():
        return Ended(
            one.task.job, -signal.SIGKILL, seconds, "lost by Slurm: cancelled, out of memory, or its node failed"
        )
    kind, result = submitit.core.utils.pickle_load(one.handle.paths.result_pickle)
    if kind == "error":
        return Ended(one.task.job, -signal.SIGKILL, seconds, str(result).strip().splitlines()[-1])
    return Ended(one.task.job, result, seconds)
