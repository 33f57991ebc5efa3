"""A sweep that is interrupted or killed, and the same command again: real processes and signals."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.sweeps import finish, results, start, sweep, wait_for, weights

JOBS = ("optimizer=momentum,adam", "seed=0,1")
WORK = "*/metrics.csv"  # a job has finished an epoch


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    code, text = sweep(folder, *JOBS)
    assert code == 0, text
    return weights(folder), time.monotonic() - began


@pytest.mark.slow
def test_an_interrupted_sweep_checkpoints_and_goes_on(undisturbed: Any, tmp_path: Path):
    process = start(tmp_path, *JOBS, "hydra.launcher.n_jobs=1")
    wait_for(process, tmp_path, WORK)
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert [result["status"] for result in results(tmp_path).values()] == ["interrupted"]
    assert "1 interrupted, 3 not started" in text
    code, text = sweep(tmp_path, *JOBS)
    assert code == 0, text
    assert weights(tmp_path) == undisturbed[0]


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(tmp_path: Path):
    process = start(tmp_path, *JOBS, "+callbacks.fault._target_=tests.sweep.faults.Fault", "+callbacks.fault.how=hang")
    wait_for(process, tmp_path, WORK)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, text = finish(process, timeout_s=10)
    assert code == 130, text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_sweep_killed_at_random_moments_ends_in_the_same_bits(undisturbed: Any, tmp_path: Path, seed: int):
    expected, seconds = undisturbed
    moments = random.Random(seed)
    for _ in range(10):
        process = start(tmp_path, *JOBS)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.7 * seconds))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    code, text = sweep(tmp_path, *JOBS)
    assert code == 0, text
    assert weights(tmp_path) == expected
    code, text = sweep(tmp_path, *JOBS)
    assert (code, "4 done before" in text) == (0, True), text
