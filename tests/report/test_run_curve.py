import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.report import draw_curve, read_metrics
from tests.conftest import REPOSITORY
from tests.report.test_sweep_curves import write_run

CSV = """epoch,step,lr,train/loss,train/acc,test/loss,test/acc,val/acc,seconds
1,10,0.01,0.5,0.8,0.25,0.9,,1.5
2,20,0.01,0.25,0.9,0.125,0.975,,1.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics.csv").write_text(CSV)
    return tmp_path


def test_the_curve_shows_errors_in_percent_and_losses(folder: Path):
    metrics = read_metrics(folder)
    assert metrics["test/acc"] == [0.9, 0.975]
    assert "val/acc" not in metrics
    errors, losses = draw_curve(metrics, "title").axes
    assert {line.get_label(): list(line.get_ydata()) for line in errors.lines} == {
        "training, with dropout": pytest.approx([20, 10]),
        "test": pytest.approx([10, 2.5]),
    }
    assert [list(line.get_ydata()) for line in losses.lines] == [[0.5, 0.25], [0.25, 0.125]]
    assert [text.get_text() for text in errors.texts] == ["10.00", "2.50"]


@pytest.mark.parametrize(
    "content",
    ["a,b\n1,2\n", "val/acc,val/loss\n0.5,1\n", "epoch,val/acc\n1,0.5\n"],
    ids=["another file", "no epoch", "no loss"],
)
def test_a_table_without_the_columns_of_a_curve_is_refused(tmp_path: Path, content: str):
    (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(UserError, match=r"metrics\.csv has no values of .*; choose another run"):
        draw_curve(read_metrics(tmp_path))


@pytest.mark.parametrize("name", ["missing/curve.png", "curve.xyz"])
def test_a_picture_that_cannot_be_written_is_one_line(folder: Path, name: str):
    command = [sys.executable, str(REPOSITORY / "scripts" / "curve.py"), str(folder), str(folder / name)]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "Traceback" not in failed.stderr
    assert name in failed.stderr.splitlines()[-1]


@pytest.mark.parametrize("title", [os.fsdecode(b"run \xff"), "\ud800"])
def test_a_title_that_is_not_utf_8_is_drawn(folder: Path, title: str):
    draw_curve(read_metrics(folder), title).savefig(io.BytesIO(), dpi=20)


def test_the_report_does_not_need_torch():
    code = "import cnnlab.report, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_script_writes_the_picture_or_says_what_it_wants(folder: Path):
    command = [sys.executable, str(REPOSITORY / "scripts" / "curve.py"), str(folder), str(folder / "curve.png")]
    subprocess.run(command, check=True)
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    (folder / "metrics.csv").unlink()
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert "has no metrics.csv and no runs; give the folder of a run or a sweep" in failed.stderr
    write_run(folder, "sgd", 0, [0.9])
    (folder / "curve.png").unlink()
    subprocess.run(command, check=True)
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
