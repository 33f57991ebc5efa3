"""scripts/accuracy.py, as a process."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, SMALL

SHORT = (*SMALL, "trainer.limit_train_batches=3", "callbacks=light", "logger=none", "console=none")


def accuracy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/accuracy.py", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_seeds_are_run_once_and_summed_up(tmp_path: Path):
    first = accuracy("speedrun", "--seeds", "1", "--out", str(tmp_path), *SHORT)
    assert first.returncode == 0, first.stderr
    written = (tmp_path / "speedrun" / "0" / "result.json").read_bytes()
    both = accuracy("speedrun", "--seeds", "2", "--out", str(tmp_path), *SHORT)
    assert both.returncode == 0, both.stderr
    assert (tmp_path / "speedrun" / "0" / "result.json").read_bytes() == written
    results = [json.loads((tmp_path / "speedrun" / seed / "result.json").read_text()) for seed in "01"]
    assert [result["seed"] for result in results] == [0, 1]
    mean = sum(result["metrics"]["test/acc"] for result in results) / 2
    lines = both.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["seed 0", "seed 1"]
    assert lines[2].startswith(f"test accuracy {mean:.3%}, 95 % interval ")
    assert "over 2 seeds" in lines[2]
    other = accuracy("speedrun", "--seeds", "1", "--out", str(tmp_path), *SHORT, "optimizer.lr=0.02")
    assert other.returncode == 2
    assert "is a run of another config" in other.stderr


@pytest.mark.slow
def test_a_run_that_was_stopped_early_resumes(tmp_path: Path):
    assert accuracy("speedrun", "--seeds", "1", "--out", str(tmp_path), *SHORT).returncode == 0
    folder = tmp_path / "speedrun" / "0"
    whole = json.loads((folder / "result.json").read_text())
    shutil.rmtree(folder / "checkpoints")
    (folder / "result.json").unlink()
    (folder / "metrics.csv").unlink()
    again = accuracy("speedrun", "--seeds", "1", "--out", str(tmp_path), *SHORT)
    assert again.returncode == 0, again.stderr
    assert json.loads((folder / "result.json").read_text())["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_what_stops_a_run_stops_the_script(tmp_path: Path):
    done = accuracy("no_such", "--seeds", "1", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "no_such" in done.stderr
    assert not done.stdout
