import math
import runpy
import sys

import pytest

from tests.conftest import REPOSITORY

ROWS = """step,epoch,layer,quantity,value
0,0,network,loss,2.5
0,0,layers.2,pre_std,0.5
0,0,layers.2,post_std,0.3
0,0,layers.2,backward_std,0.001
0,0,layers.1.weight,gradient_norm,0.1
10,0,network,loss,1.5
10,0,layers.2,pre_std,9
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("data: {num_classes: 7}\n")
    (folder / "diagnostics.csv").write_text(ROWS)
    return folder


def main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["layers.py", *map(str, arguments)])
    runpy.run_path(str(REPOSITORY / "scripts" / "layers.py"))["main"]()


def test_one_run_s_start_is_printed(monkeypatch, capsys, tmp_path, run):
    main(monkeypatch, run, "--picture", tmp_path / "layers.png")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["layer", "before", "after", "gradient"]
    assert lines[2].split() == ["layers.2", "2.50e-01", "9.00e-02", "1.00e-06"]
    assert lines[3] == f"loss 2.500; the cross-entropy of equal logits is ln 7 = {math.log(7):.3f}"
    assert (tmp_path / "layers.png").is_file()


def test_of_several_runs_only_the_picture(monkeypatch, capsys, tmp_path, run):
    main(monkeypatch, run, run, "--picture", tmp_path / "layers.png")
    assert capsys.readouterr().out.count("\n") == 1


def test_a_run_without_diagnostics_is_told(monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(monkeypatch, tmp_path)
    assert "give the folder of a run with callbacks=full" in capsys.readouterr().err
