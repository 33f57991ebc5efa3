from pathlib import Path

import pytest

from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result
from cnnlab.run.summary import print_summary, short_path


def test_it_says_what_came_out_and_what_to_type_next(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    result = Result(
        metrics={"val/acc": 0.9812, "val/loss": 0.0612, "test/acc": 0.98, "test/loss": 0.05},
        epochs=4,
        selected_epoch=3,
        seconds={"setup": 1.0, "fit": 20.26, "test": 0.51},
        data={"name": "mnist"},
    )
    print_summary(result, RunFolder(tmp_path), [])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == [
        "test        loss 0.0500, accuracy 98.00%",
        "validation  loss 0.0612, accuracy 98.12%",
        "epochs      4, weights of epoch 3",
        "seconds     20.3 fit, 0.5 test",
    ]
    result.metrics |= {"test/criterion": 0.3, "val/criterion": 0.0612}
    print_summary(result, RunFolder(tmp_path), [])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [
        "test        loss 0.0500, accuracy 98.00%, criterion 0.3000",
        "validation  loss 0.0612, accuracy 98.12%",
    ]
    result.metrics |= {"val/acc": None, "val/loss": None, "val/criterion": None}
    print_summary(result, RunFolder(tmp_path), [])
    assert "validation" not in capsys.readouterr().out


def test_a_path_is_shown_as_one_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert short_path(RunFolder(tmp_path / "outputs" / "run")) == "outputs/run"
    assert short_path(RunFolder(tmp_path.parent / "elsewhere")) == str(tmp_path.parent / "elsewhere")
