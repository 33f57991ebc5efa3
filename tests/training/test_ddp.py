"""Two CPU processes with gloo, started by Lightning as a user's train.py starts them."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY

RUN = ("data=mnist_5k", "trainer.accelerator=cpu", "console=none", "logger=none", "trainer.max_epochs=2",
       "model.dropout=0.0", "model.channel_dropout=0.0")  # fmt: skip


def train(folder: Path, *arguments: str) -> dict:
    command = [sys.executable, "train.py", *RUN, *arguments, f"hydra.run.dir={folder}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return json.loads((folder / "result.json").read_text())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_two_processes_at_half_the_batch_are_one_at_the_whole(tmp_path: Path):
    double = "trainer.precision=64"  # in float32, rounding can change the class of an image after 160 steps
    two = train(tmp_path / "two", "trainer=ddp", "data.batch_size=25", double)
    one = train(tmp_path / "one", "trainer=cpu", "data.batch_size=50", double)
    assert two["status"] == "completed"
    assert (two["steps"], two["epochs"]) == (one["steps"], one["epochs"]) == (160, 2)
    for name, value in one["metrics"].items():
        assert two["metrics"][name] == pytest.approx(value, rel=1e-6), name
    for row, expected in zip(rows(tmp_path / "two"), rows(tmp_path / "one"), strict=True):
        assert row.keys() == expected.keys()
        for name in ("train/loss", "train/acc", "val/loss", "val/acc"):
            assert float(row[name]) == pytest.approx(float(expected[name]), rel=1e-6), name
    # the pictures' confusion matrix needs every process's logits
    assert (tmp_path / "two" / "pictures" / "confusion_matrix.png").is_file()
    first, second = (np.load(tmp_path / name / "predictions.npz")["probability"] for name in ("two", "one"))
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.slow
def test_a_stopped_run_of_two_processes_resumes_to_the_same_bits(tmp_path: Path):
    arguments = ("trainer=ddp", "data.batch_size=16", "callbacks=light", "trainer.max_epochs=4")
    expected = train(tmp_path / "uninterrupted", *arguments)

    folder = tmp_path / "run"
    command = [sys.executable, "train.py", *RUN, *arguments, f"hydra.run.dir={folder}"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (folder / "metrics.csv").is_file():
            time.sleep(0.02)
        process.terminate()
    assert process.returncode == 143
    assert json.loads((folder / "result.json").read_text())["status"] == "interrupted"
    subprocess.run([sys.executable, "train.py", f"resume={folder}"], cwd=REPOSITORY, check=True)

    result = json.loads((folder / "result.json").read_text())
    assert result["weights_sha256"] == expected["weights_sha256"]
    for row, uninterrupted in zip(rows(folder), rows(tmp_path / "uninterrupted"), strict=True):
        assert {**row, "seconds": ""} == {**uninterrupted, "seconds": ""}
