"""A sweep that is interrupted or killed, and the same command again: real processes and signals."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, SMALL

SWEEP = (
    *(*SMALL, "trainer.max_epochs=3", "callbacks=light", "logger=none", "data.batch_size=32"),
    *("optimizer=momentum,adam", "seed=0,1"),
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "train.py", "-m", *SWEEP, f"hydra.sweep.dir={folder}", *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def results(folder: Path) -> dict[str, Any]:
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}


def weights(folder: Path) -> dict[str, str]:
    found = results(folder)
    assert {result["status"] for result in found.values()} == {"completed"}
    return {name: result["weights_sha256"] for name, result in found.items()}


def wait_for_an_epoch(process: subprocess.Popen[str], folder: Path) -> None:
    while not list(folder.glob("*/metrics.csv")):
        assert process.poll() is None
        time.sleep(0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    process = start(folder)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    return weights(folder), time.monotonic() - began


@pytest.mark.slow
def test_an_interrupted_sweep_checkpoints_and_goes_on(undisturbed: Any, tmp_path: Path):
    process = start(tmp_path, "hydra.launcher.n_jobs=1")
    wait_for_an_epoch(process, tmp_path)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert [result["status"] for result in results(tmp_path).values()] == ["interrupted"]
    assert "1 interrupted, 3 not started" in text
    process = start(tmp_path)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    assert weights(tmp_path) == undisturbed[0]


@pytest.mark.slow
def test_a_second_interrupt_ends_at_once(tmp_path: Path):
    process = start(tmp_path, "+callbacks.fault._target_=tests.sweep.faults.Fault", "+callbacks.fault.how=hang")
    wait_for_an_epoch(process, tmp_path)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=10)
    assert process.returncode == 130, text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_sweep_killed_at_random_moments_ends_in_the_same_bits(undisturbed: Any, tmp_path: Path, seed: int):
    expected, seconds = undisturbed
    moments = random.Random(seed)
    for _ in range(5):
        process = start(tmp_path)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.7 * seconds))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
    process = start(tmp_path)
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0, text
    assert weights(tmp_path) == expected
    process = start(tmp_path)
    text, _ = process.communicate(timeout=60)
    assert (process.returncode, "4 done before" in text) == (0, True), text
