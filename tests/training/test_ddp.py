"""Two CPU processes with gloo, started by Lightning as a user's train.py starts them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

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
    two = train(tmp_path / "two", "trainer=ddp", "data.batch_size=25")
    one = train(tmp_path / "one", "trainer=cpu", "data.batch_size=50")
    assert two["status"] == "completed"
    assert (two["steps"], two["epochs"]) == (one["steps"], one["epochs"]) == (160, 2)
    for name, value in one["metrics"].items():
        assert two["metrics"][name] == pytest.approx(value, abs=2e-3), name
    for row, expected in zip(rows(tmp_path / "two"), rows(tmp_path / "one"), strict=True):
        assert row.keys() == expected.keys()
        for name in ("train/loss", "train/acc", "val/loss", "val/acc"):
            assert float(row[name]) == pytest.approx(float(expected[name]), abs=2e-3), name
    # the pictures' confusion matrix needs every process's logits
    assert (tmp_path / "two" / "pictures" / "confusion_matrix.png").is_file()
