"""scripts/bench_report.py, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import REPOSITORY, SMALL


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/bench_report.py", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_reports_of_ever_more_runs_are_timed(tmp_path: Path):
    run = tmp_path / "run"
    code, text = processes.start(tmp_path / "log", *SMALL, f"hydra.run.dir={run}").wait()
    assert code == 0, text
    done = bench(run, "--runs", "20", "40")
    assert done.returncode == 0, done.stderr
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head[0] == "runs"
    assert [row[0] for row in rows] == ["20", "40"]
    assert all(float(value) > 0 for row in rows for value in row)


def test_a_folder_without_predictions_is_refused(tmp_path: Path):
    done = bench(tmp_path)
    assert done.returncode == 2
    assert "has no predictions; give the folder of a run that has tested" in done.stderr
