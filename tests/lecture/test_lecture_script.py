import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.lecture.page.network_weights import live_texts
from cnnlab.lecture.page.ready import embedded_network
from cnnlab.lecture.studies import STUDIES
from tests.conftest import REPOSITORY

RUN = ("data=mnist_5k", "trainer.limit_train_batches=3", "trainer.max_epochs=2", "logger=none", "console=none")


def run(*arguments, program="scripts/lecture.py"):
    command = [sys.executable, str(REPOSITORY / program), *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def main(monkeypatch):
    """The script's main, in this process."""

    def typed(*arguments):
        monkeypatch.setattr(sys, "argv", ["scripts/lecture.py", *map(str, arguments)])
        runpy.run_path(str(REPOSITORY / "scripts" / "lecture.py"))["main"]()

    return typed


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--only", "init,pol"], "error: ONLY=pol is not allowed; it must be one of classical, convolution,"),
        (["--budget", "huge"], "error: --budget huge is not allowed; it must be one of default, long"),
        (["--run", "nowhere"], "error: nowhere: no run there"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_measured(main, tmp_path, monkeypatch, capsys, arguments, line):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(SystemExit, match="2"):
        main(*arguments, "--out", tmp_path / "out")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_a_place_that_is_taken_is_told_before_anything_is_measured(main, tmp_path, capsys, place):
    (tmp_path / "taken").touch()
    with pytest.raises(SystemExit, match="2"):
        main("--only", "convolution", "--out", tmp_path / place)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: cannot make the folder {tmp_path / place} (")


@pytest.mark.slow
def test_one_section_with_a_run_of_one_s_own(tmp_path):
    own = run(*RUN, "callbacks=snapshots", f"hydra.run.dir={tmp_path / 'mine'}", program="train.py")
    assert own.returncode == 0, own.stderr
    out = tmp_path / "out"
    done = run("--only", "convolution", "--run", tmp_path / "mine", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "supported" in done.stdout
    assert json.loads((out / "convolution.json").read_text())["study"] == "convolution"
    assert sorted(path.name for path in out.iterdir()) == ["convolution.json", "index.html"]
    network = embedded_network((out / "index.html").read_text())
    assert network["variants"][0]["name"] == "mine"
    assert network["variants"][0]["epochs"] == [0, 1, 2]
    ready = embedded_network((REPOSITORY / "docs" / "lecture" / "index.html").read_text())
    assert network["variants"][1:] == ready["variants"]


def test_a_run_of_one_s_own_alone_measures_nothing(tmp_path, monkeypatch):
    script = runpy.run_path(str(REPOSITORY / "scripts" / "lecture.py"))
    written = []
    replaced = script["main"].__globals__
    monkeypatch.setitem(replaced, "pack", lambda runs: runs)
    monkeypatch.setitem(replaced, "write", lambda folder, sweeps, own: written.append(own))
    for name in ("measure", "run_networks"):
        monkeypatch.setitem(replaced, name, pytest.fail)
    monkeypatch.setattr(sys, "argv", ["scripts/lecture.py", "--run", str(tmp_path / "mine"), "--out", str(tmp_path)])
    script["main"]()
    assert written == [{"mine": tmp_path / "mine"}]


@pytest.mark.parametrize(
    ("typed", "name"), [("mine", "mine"), ("mine/", "mine"), (".", "here"), ("networks/lecture", "networks/lecture")]
)
def test_a_run_of_one_s_own_has_a_name_of_its_own(tmp_path, monkeypatch, typed, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert runpy.run_path(str(REPOSITORY / "scripts" / "lecture.py"))["own_name"](Path(typed)) == name


def test_the_network_that_comes_with_the_repository_has_the_texts_of_today_and_one_s_own_is_first(
    tmp_path, monkeypatch
):
    live_network = runpy.run_path(str(REPOSITORY / "scripts" / "lecture.py"))["live_network"]
    monkeypatch.setitem(live_network.__globals__, "READY", tmp_path)
    own = {"variants": [{"name": "mine"}], "digits": ["a shoe"], "texts": live_texts()}
    assert live_network(tmp_path / "out", tmp_path / "sweeps", None) is None
    assert live_network(tmp_path / "out", tmp_path / "sweeps", own) == own
    ready = json.dumps({"variants": [{"name": "lecture"}], "digits": ["a seven"], "texts": "old"})
    (tmp_path / "index.html").write_text(f'<script type="application/json" id="network-data">{ready}</script>')
    assert live_network(tmp_path / "out", tmp_path / "sweeps", None) == json.loads(ready) | {"texts": live_texts()}
    both = live_network(tmp_path / "out", tmp_path / "sweeps", own)
    assert [each["name"] for each in both["variants"]] == ["mine", "lecture"]
    assert both["digits"] == ["a shoe"]


def test_the_table_has_a_row_for_each_claim(main, tmp_path, capsys):
    main("--table", "ko", "--out", tmp_path)
    assert capsys.readouterr().out.count("\n") == 2 + sum(len(study.claims) for study in STUDIES)
