"""Runs jobs on a Slurm cluster, through submitit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import submitit
from submitit.helpers import DelayedSubmission

from cnnlab.errors import UserError, one_line
from cnnlab.files import read_text, write_atomically
from cnnlab.sweep.engines.engine import TICK_S, Ended, Started, Tick
from cnnlab.sweep.engines.node import SEARCH_VARIABLE, NodeEnvironment, NodeProcess
from cnnlab.sweep.task import Task

EXIT_PREEMPTED = 128 + signal.SIGTERM
ANSWER_S = 60  # Slurm's own commands try for less
QUICK_S = 3
LOST_AFTER_POLLS = 3  # polls in which a job is neither in the queue nor has a result


class SlurmTask:
    """Runs a task on a node; after a preemption or a time limit, it is requeued and the run resumes.

    Args:
        task: The job's task.
        environment: The environment of its process.
    """

    def __init__(self, task: Task, environment: NodeEnvironment) -> None:
        self.task = task
        self.environment = environment
        self._process: NodeProcess | None = None

    def __call__(self) -> int:
        """Runs the task, and returns the exit code."""
        signal.signal(signal.SIGINT, lambda *_: None)  # the task's process receives it too, and handles it
        os.environ["SLURM_JOB_NAME"] = "bash"  # makes Lightning start the ddp processes instead of waiting for srun
        self._process = NodeProcess(self.task, self.environment)
        exit_code = self._process.wait()
        number = submitit.JobEnvironment().job_id
        if exit_code == EXIT_PREEMPTED and (_queue() or {}).get(number) == "RUNNING":  # not cancelled
            subprocess.run(["scontrol", "requeue", number], check=True)
            while True:
                signal.pause()  # until Slurm kills this process
        return exit_code

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit before the time limit: stops the task, and returns what to requeue."""
        if self._process is not None:
            self._process.interrupt(signal.SIGTERM)
            self._process.wait()
        return DelayedSubmission(SlurmTask(self.task, self.environment))


@dataclass(frozen=True)
class _QueuedJob:
    """A job that an earlier sweep has left in the queue: its number and its arguments."""

    number: str
    arguments: tuple[str, ...]


@dataclass
class _Submitted:
    task: Task
    handle: submitit.Job[int]
    started: float | None = None
    missed: int = 0  # consecutive polls without it in the queue


class SlurmEngine:
    """Submits jobs as arrays and polls the queue; adopts jobs that a killed sweep has left there.

    Args:
        folder: For submitit's files, on a file system that all nodes share.
        parameters: Arguments of `submitit.AutoExecutor.update_parameters`.
        max_num_timeout: How often a job may reach its time limit and be requeued.
        threads: Threads per job.
        num_at_a_time: How many jobs are in the queue at a time.
        poll_s: Seconds between polls of the queue.
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
        _check_controller()
        try:
            self._executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=max_num_timeout)
            self._executor.update_parameters(**parameters)
        except (RuntimeError, NameError, ValueError) as error:
            raise UserError(f"hydra/launcher=slurm: {one_line(error)}") from None
        self._folder = folder
        self._environment = NodeEnvironment.current(threads, exclude=(SEARCH_VARIABLE,))  # sbatch exports it itself
        self._num_at_a_time = num_at_a_time
        self._poll_s = poll_s
        self._record = folder / "jobs.json"
        self._submitted: list[_Submitted] = []
        self._queued: dict[str, _QueuedJob] = {}
        self._is_stopping = False

    def run(self, tasks: Iterable[Task]) -> Generator[Started | Ended | Tick]:
        """Runs the tasks and yields events; closing the generator cancels the jobs in the queue."""
        waiting = iter(tasks)
        self._queued = self._still_queued()
        is_complete = False
        try:
            while not is_complete or self._submitted:
                if not is_complete and not self._is_stopping:
                    is_complete = self._fill(waiting)
                yield from self._poll()
                for _ in range(max(1, round(self._poll_s / TICK_S))):
                    time.sleep(TICK_S)
                    yield Tick()
                is_complete |= self._is_stopping
        finally:
            self._cancel()

    def stop(self, signum: int) -> None:
        """Cancels the pending jobs, and makes the running ones write their checkpoints and exit."""
        self._is_stopping = True
        self._cancel("--state=PENDING")
        self._submitted = [job for job in self._submitted if job.started is not None]
        self._cancel("--signal=INT")

    def close(self) -> None:
        """Does nothing: the jobs are Slurm's."""

    def _fill(self, waiting: Iterable[Task]) -> bool:
        """Submits as many tasks as there is room for; returns whether no task is waiting."""
        tasks = [task for _, task in zip(range(self._num_at_a_time - len(self._submitted)), waiting, strict=False)]
        is_complete = len(tasks) < self._num_at_a_time - len(self._submitted)
        found = {task.job.name: handle for task in tasks if (handle := self._find(task)) is not None}
        new = [task for task in tasks if task.job.name not in found]
        if new:
            found |= {task.job.name: handle for task, handle in zip(new, self._submit(new), strict=True)}
        self._submitted += [_Submitted(task, found[task.job.name]) for task in tasks]
        if tasks:
            self._write_record()
        return is_complete

    def _find(self, task: Task) -> submitit.Job[int] | None:
        """The task's job, if it is in the queue already; cancels a job with the same name and other arguments."""
        queued = self._queued.pop(task.job.name, None)
        if queued is None:
            return None
        if queued.arguments == task.arguments:
            return submitit.SlurmJob[int](self._folder, queued.number)
        _ask("scancel", "--quiet", queued.number)
        return None

    def _submit(self, tasks: list[Task]) -> list[submitit.Job[int]]:
        calls: list[Callable[[], int]] = [SlurmTask(task, self._environment) for task in tasks]
        try:
            return self._executor.submit_array(calls)
        except submitit.core.utils.FailedJobError as error:
            raise UserError(f"hydra/launcher=slurm: Slurm rejected the jobs: {one_line(error)}") from None

    def _poll(self) -> Generator[Started | Ended]:
        states = _queue()
        for submitted in list(self._submitted):
            state = None if states is None else states.get(submitted.handle.job_id, "")
            if state == "RUNNING" and submitted.started is None:
                submitted.started = time.monotonic()
                yield Started(submitted.task.job)
            submitted.missed = submitted.missed + 1 if state == "" else 0
            if submitted.handle.paths.result_pickle.exists() or submitted.missed >= LOST_AFTER_POLLS:
                if submitted.started is None:
                    yield Started(submitted.task.job)
                self._submitted.remove(submitted)
                yield _ended(submitted)

    def _still_queued(self) -> dict[str, _QueuedJob]:
        """Jobs of an earlier sweep that are still in the queue, by name."""
        try:
            recorded = json.loads(read_text(self._record))
            queued = {name: _QueuedJob(str(number), tuple(arguments)) for name, (number, arguments) in recorded.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # no file, or not ours
            return {}
        states = _queue() or {}
        return {name: job for name, job in queued.items() if job.number in states}

    def _write_record(self) -> None:
        queued = {name: (job.number, job.arguments) for name, job in self._queued.items()}
        ours = {job.task.job.name: (job.handle.job_id, job.task.arguments) for job in self._submitted}
        write_atomically(self._record, json.dumps(queued | ours).encode())

    def _cancel(self, *options: str) -> None:
        numbers = [job.handle.job_id for job in self._submitted]
        if numbers:
            _ask("scancel", "--quiet", *options, *numbers)


def _queue() -> dict[str, str] | None:
    """The user's jobs and their states; None if the cluster does not respond."""
    done = _ask("squeue", "--me", "--noheader", "--array", "--format=%i %T")
    if done is None or done.returncode != 0:
        return None
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


def _ask(*command: str, patience_s: float | None = None) -> subprocess.CompletedProcess[str] | None:
    """Runs one of Slurm's commands; None if it does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience_s or ANSWER_S)
    except subprocess.TimeoutExpired:
        return None


def _check_controller() -> None:
    """Rejects a cluster that does not answer, for which sbatch would wait."""
    if shutil.which("squeue") is None:
        return  # submitit says so
    done = _ask("squeue", "--me", "--noheader", patience_s=min(QUICK_S, ANSWER_S))
    if done is None:
        print(f"Slurm does not answer; waiting for up to {ANSWER_S} s", file=sys.stderr, flush=True)
        done = _ask("squeue", "--me", "--noheader")
    if done is None or done.returncode != 0:
        lines = [f"no answer within {ANSWER_S} s"] if done is None else done.stderr.strip().splitlines()
        said = lines[-1] if lines else "squeue failed"
        raise UserError(f"hydra/launcher=slurm: Slurm is unavailable ({said}); try later, or use hydra/launcher=local")


def _ended(submitted: _Submitted) -> Ended:
    seconds = time.monotonic() - submitted.started if submitted.started is not None else 0.0
    if not submitted.handle.paths.result_pickle.exists():
        return Ended(
            submitted.task.job, -signal.SIGKILL, seconds, "lost by Slurm: cancelled, out of memory, or its node failed"
        )
    kind, result = submitit.core.utils.pickle_load(submitted.handle.paths.result_pickle)
    if kind == "error":
        return Ended(submitted.task.job, -signal.SIGKILL, seconds, str(result).strip().splitlines()[-1])
    return Ended(submitted.task.job, result, seconds)
