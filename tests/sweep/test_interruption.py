"""A sweep that is interrupted or killed and resumed by the same command, with real processes and signals."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.sweep.faults import HANGS
from tests.sweep.sweeps import (
    finish,
    fork_server_of,
    gate,
    results,
    start,
    start_from_loaded,
    sweep,
    wait_for,
    wait_until,
    weights,
)

JOBS = ("optimizer=momentum,adam", "seed=0,1", "trainer.limit_train_batches=40")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """The weights of all jobs, and the seconds that they took."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    started = time.monotonic()
    code, text = sweep(folder, *JOBS)
    assert code == 0, text
    return weights(folder), time.monotonic() - started


@pytest.mark.slow
def test_an_interrupted_sweep_checkpoints_and_resumes(uninterrupted: tuple[dict[str, str], float], tmp_path: Path):
    """By a Ctrl-C in a terminal, sent to the whole process group, or a SIGTERM to all of a service's processes."""
    jobs = (*JOBS, gate(tmp_path), "hydra.launcher.n_jobs=1")
    process = start(tmp_path, *jobs)
    wait_for(process, tmp_path, "sweep.lock")
    time.sleep(0.5)  # so that it comes while the server loads, which takes seconds
    os.killpg(process.pid, signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert "Traceback" not in text
    assert "completed" not in text

    process = start(tmp_path, *jobs)
    wait_for(process, tmp_path, "*/metrics.csv")
    os.killpg(process.pid, signal.SIGTERM)
    code, text = finish(process)
    assert code == 143, text
    assert [result["status"] for result in results(tmp_path).values()] == ["interrupted"]
    assert [result["epochs"] for result in results(tmp_path).values()] == [1]
    assert "1 interrupted, 3 not started" in text
    (tmp_path / "open").touch()
    code, text = sweep(tmp_path, *JOBS, gate(tmp_path))
    assert code == 0, text
    assert weights(tmp_path) == uninterrupted[0]


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(tmp_path: Path):
    process = start(tmp_path, "+callbacks.fault._target_=tests.sweep.faults.Fault", "+callbacks.fault.how=hang")
    log = wait_for(process, tmp_path, "logs/*.log")
    wait_until(process, tmp_path, lambda: HANGS in log.read_text(), "it does not hang")
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text


@pytest.mark.slow
def test_a_sweep_killed_at_random_moments_ends_in_the_same_bits(
    uninterrupted: tuple[dict[str, str], float], tmp_path: Path
):
    expected, seconds = uninterrupted
    moments = random.Random(0)
    for _ in range(20):
        command = start_from_loaded(tmp_path, *JOBS)  # and so most moments are those of its jobs
        command.process.join(moments.uniform(0.1, 0.5 * seconds))
        if command.process.is_alive():
            os.kill(command.process.pid, signal.SIGKILL)
            command.process.join()
    code, text = sweep(tmp_path, *JOBS)
    assert code == 0, text
    assert weights(tmp_path) == expected
    code, text = sweep(tmp_path, *JOBS)
    assert (code, "4 done before" in text) == (0, True), text


@pytest.mark.slow
def test_jobs_are_not_harmed_when_their_server_is_killed(uninterrupted: tuple[dict[str, str], float], tmp_path: Path):
    process = start(tmp_path, *JOBS, gate(tmp_path), "hydra.launcher.n_jobs=2")
    os.kill(fork_server_of(process, tmp_path), signal.SIGKILL)  # while it is loading
    wait_until(process, tmp_path, lambda: len(list(tmp_path.glob("*/metrics.csv"))) == 2, "two jobs are not running")
    os.kill(fork_server_of(process, tmp_path), signal.SIGKILL)
    (tmp_path / "open").touch()
    code, text = finish(process)
    assert (code, "4 completed" in text) == (0, True), text
    assert text.count("the fork server was killed (out of memory?); it is started again") == 2
    assert weights(tmp_path) == uninterrupted[0]


@pytest.mark.slow
def test_a_sweep_that_is_killed_together_with_its_server_ends_in_the_same_bits(
    uninterrupted: tuple[dict[str, str], float], tmp_path: Path
):
    for reached in ("sweep.lock", "logs/*.log", "*/metrics.csv", "*/result.json"):
        process = start(tmp_path, *JOBS)
        wait_for(process, tmp_path, reached)
        process.kill()
        process.communicate()
    code, text = sweep(tmp_path, *JOBS)
    assert code == 0, text
    assert weights(tmp_path) == uninterrupted[0]
