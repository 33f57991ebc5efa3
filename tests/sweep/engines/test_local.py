"""A sweep's parent process, with many jobs, and which job gets what."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cnnlab.sweep.engines import Ended
from cnnlab.sweep.engines.fork_server import Allocation
from cnnlab.sweep.engines.local import LocalEngine
from cnnlab.sweep.engines.machine import allocate
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import Task
from tests.conftest import REPOSITORY
from tests.processes import unmeasured
from tests.sweep.sweeps import sweep

NUM_JOBS, EARLY = 2000, 400


@pytest.mark.slow
def test_two_thousand_jobs_complete_and_the_parents_memory_stays(tmp_path: Path):
    command = [sys.executable, "-m", "cnnlab.bench.trivial_jobs", str(tmp_path), str(NUM_JOBS), "2"]
    done = subprocess.run(command, cwd=REPOSITORY, env=unmeasured(), capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"{NUM_JOBS} completed" in done.stdout
    memory = json.loads(done.stdout.splitlines()[-1])["memory"]
    assert max(memory) - memory[EARLY] < 4_000_000  # an outcome and a log's path are half a kilobyte a job


class Process:
    """Looks like a job's process, which ends when the test says so."""

    def __init__(self, allocation: Allocation) -> None:
        self.allocation = allocation
        self.status, self._end = os.pipe()

    def end(self) -> None:
        os.write(self._end, b"0")

    def exit_code(self) -> int:
        os.close(self.status)
        os.close(self._end)
        return 0

    def kill(self) -> None: ...


class Server:
    """Starts such processes; whenever no slot is free, a random one of them ends."""

    def __init__(self, num_slots: int) -> None:
        self.num_slots = num_slots
        self.running: list[Process] = []
        self.most: Counter[str | None] = Counter()
        self.gpus: list[str | None] = []
        self._random = random.Random(0)

    def start(self, task: Task, allocation: Allocation) -> Process:
        process = Process(allocation)
        self.running.append(process)
        self.gpus.append(allocation.gpu)
        counts = Counter(running.allocation.gpu for running in self.running)
        self.most |= counts
        if len(self.running) == self.num_slots:
            self.end_one()
        return process

    def end_one(self) -> None:
        process = self.running.pop(self._random.randrange(len(self.running)))
        process.end()


def test_a_gpu_never_has_more_jobs_than_it_may_and_a_freed_place_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    allocations = allocate(None, 1, jobs_per_gpu=2)
    server: Any = Server(len(allocations))
    tasks = [Task(Job.in_sweep(tmp_path, f"seed={seed}", (), seed), Path("train.py"), ()) for seed in range(40)]
    ended = 0
    for event in LocalEngine(server, allocations).run(tasks):
        ended += isinstance(event, Ended)
        if len(server.gpus) == len(tasks) and server.running:
            server.end_one()
    assert ended == len(tasks)
    assert server.gpus[:6] == ["0", "1", "2", "0", "1", "2"]
    assert server.most == {"0": 2, "1": 2, "2": 2}


@pytest.mark.slow
def test_the_jobs_of_a_sweep_see_their_gpu_alone_and_those_of_a_later_one_too(tmp_path: Path):
    folder, gpus = tmp_path / "sweep", {"CUDA_VISIBLE_DEVICES": "0,1"}
    typed = ("hydra.launcher.jobs_per_gpu=2", "trainer.accelerator=auto", "trainer.max_epochs=1")
    noting = "+callbacks.noting={_target_: tests.sweep.faults.NotingGpu}"
    code, text = sweep(folder, *typed, noting, "seed=0,1,2,3,4", environment=gpus)
    assert code == 0, text
    assert "5 jobs, 4 at a time (5 new)" in text
    seen = [_seen(folder, seed) for seed in range(5)]
    assert sorted(seen[:4]) == ["0", "0", "1", "1"]
    code, text = sweep(folder, *typed, noting, "seed=range(7)", environment=gpus)
    assert code == 0, text
    assert "7 jobs, 4 at a time (5 done, 2 new)" in text
    assert [_seen(folder, seed) for seed in range(7)] == [*seen, "0", "1"]


def _seen(folder: Path, seed: int) -> str:
    return (folder / f"seed={seed}" / "gpu").read_text()
