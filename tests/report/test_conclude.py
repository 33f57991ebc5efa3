"""A sweep's report, by real sweeps and by the script."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.report.results import result, write
from tests.sweep.sweeps import sweep

JOBS = ("optimizer=adam,sgd", "seed=0,1,2", "trainer.max_epochs=1", "trainer.limit_train_batches=5")
HOW = "optimizer.lr=0.01,1e30"


def report(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/report.py", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_a_sweep_ends_with_what_it_found_and_the_script_says_the_same(tmp_path: Path):
    folder = tmp_path / "sweep"
    code, text = sweep(folder, *JOBS, "report.margin=50")
    assert code == 0, text
    found = f"report: {folder}/report\n  tensorboard --logdir {folder}/report/tensorboard"
    assert text.rstrip().endswith(found)
    assert text.count("tensorboard --logdir") == 1
    assert "equivalent within 50.00 points" in text
    assert sorted(path.name for path in (folder / "report" / "tensorboard").iterdir()) == ["adam", "sgd"]
    content = json.loads((folder / "report" / "report.json").read_text())
    assert sorted(each["name"] for each in content["configurations"]) == ["adam", "sgd"]
    assert content["comparisons"][0]["n"] == 3
    again = report(folder, "--margin", "50")
    assert again.returncode == 0, again.stderr
    assert text.endswith(again.stdout)
    assert again.stdout.startswith("optimizer ")


@pytest.mark.slow
def test_a_sweep_with_divergences_reports_them_and_one_without_a_report_writes_none(tmp_path: Path):
    code, text = sweep(tmp_path / "1", "optimizer=sgd", HOW, "seed=0,1", *JOBS[2:])
    assert code == 0, text
    assert "0 of 2" in text
    code, text = sweep(tmp_path / "2", *JOBS[:1], *JOBS[2:], "sweep.report=false")
    assert code == 0, text
    assert not (tmp_path / "2" / "report").exists()


def test_the_scripts_mistakes_are_one_line_each(tmp_path: Path):
    folder = write(tmp_path / "sweep" / "seed=0", result("adam", 0, 0.9)).parent
    for arguments, line in (
        ((tmp_path,), "has no finished runs; give a sweep's folder"),
        ((folder, "--margin", "0"), "--margin 0 is not allowed; it must be above 0 and below 100 points, such as 0.1"),
        ((folder, "--baseline", "sgd"), "baseline=sgd is not in the sweep; it must be one of all runs"),
        ((folder, "--language", "fr"), "invalid choice: 'fr'"),
        ((folder, "--targets", "97"), "97 is not allowed; give numbers above 0 and up to 1, such as 0.97,0.99"),
        ((folder, "--targets", "0.9,x"), "0.9,x is not allowed; give numbers above 0 and up to 1"),
    ):
        done = report(*arguments)
        assert done.returncode == 2
        assert line in done.stderr
        assert "Traceback" not in done.stderr
    assert not (folder / "report").exists()
    (folder / "report").write_text("in its place")
    done = report(folder)
    assert done.returncode == 2
    assert f"cannot write {folder / 'report'}" in done.stderr
