"""The runs of the page's networks: which commands are run, and what a failure says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture import network_runs
from cnnlab.lecture.network_runs import SEED, VARIANTS, network_folders, run_networks
from cnnlab.lecture.studies.result import STUDY
from cnnlab.lecture.study import BUDGETS
from cnnlab.observe.snapshots import read_snapshots
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from tests.conftest import REPOSITORY

WRITES = """
import os, sys
line = ' '.join(sys.argv[1:])
open('typed', 'a').write(line + '\\n')
if 'sweep=' not in line:
    assert os.environ['OMP_NUM_THREADS'] == '1'
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(WRITES)
    return path


def run(program: Path, *overrides: str) -> list[str]:
    """What was typed."""
    run_networks(program, program.parent / "sweeps", program.parent / "networks", lambda line: None, overrides)
    typed = program.with_name("typed")
    return typed.read_text().splitlines() if typed.exists() else []


def plant(folder: Path, status: str) -> Path:
    """A run that ended so, with snapshots."""
    for part in (".hydra", "snapshots"):
        (folder / part).mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("[]")
    (folder / "result.json").write_text(json.dumps({"status": status}))
    return folder


def test_the_lecture_s_is_one_of_its_result_and_every_variant_a_run_with_snapshots_in_its_own_folder(program: Path):
    sweep, *variants = run(program, "data=mnist_5k")
    folder = program.parent / "sweeps" / "lecture_result"
    assert sweep == f"sweep=lecture_result data=mnist_5k hydra.sweep.dir={folder}"
    assert len(variants) == len(VARIANTS)
    for name, own in VARIANTS:
        (line,) = (line for line in variants if line.endswith(f"hydra.run.dir={program.parent / 'networks' / name}"))
        assert {"callbacks=snapshots", f"seed={SEED}", "data=mnist_5k", *own} <= set(line.split())


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
def test_the_lecture_s_is_among_the_runs_of_every_budget(budget):
    assert SEED in STUDY.budget(budget).seeds


def test_a_run_that_fails_ends_the_command(program: Path):
    program.write_text("import sys; sys.exit(2)")
    with pytest.raises(UserError, match="exit code 2"):
        run(program)


def test_what_is_there_is_kept(program: Path):
    for folder in network_folders(program.parent / "sweeps", program.parent / "networks").values():
        plant(folder, "completed")
    assert run(program) == []


@pytest.mark.parametrize(("status", "is_resumed"), [("interrupted", True), ("failed", False), ("diverged", False)])
def test_a_variant_that_is_there_is_resumed_or_in_the_way(program: Path, status: str, is_resumed: bool):
    first = plant(program.parent / "networks" / VARIANTS[0].name, status)
    if is_resumed:
        assert f"resume={first}" in run(program)
        return
    with pytest.raises(UserError, match=rf"{first} holds a run that has {status}; remove it, and run make lecture"):
        run(program)


def test_of_several_runs_the_lecture_s_is_the_one_that_the_section_measures(tmp_path: Path, monkeypatch):
    now = SimpleNamespace(path=tmp_path / "lecture_result" / f"seed={SEED}~2", seed=SEED)
    other = SimpleNamespace(path=tmp_path / "lecture_result" / "seed=31", seed=31)
    monkeypatch.setattr(network_runs, "read_runs", lambda folder: ([other, now], []))
    assert network_folders(tmp_path, tmp_path)["lecture"] == now.path


@pytest.mark.parametrize(("status", "why"), [("diverged", "that has diverged"), ("completed", "without snapshots")])
def test_a_lecture_s_run_that_the_page_cannot_show_is_in_the_way(program: Path, status: str, why: str):
    run_folder = plant(program.parent / "sweeps" / "lecture_result" / f"seed={SEED}", status)
    (run_folder / "snapshots").rmdir()
    with pytest.raises(UserError, match=rf"{run_folder} holds a run {why}; remove it, and run make lecture again"):
        run(program)


@pytest.mark.slow
def test_real_runs_are_where_the_page_looks_for_them(tmp_path: Path):
    sweeps, folder = tmp_path / "sweeps", tmp_path / "networks"
    short = ("data=mnist_5k", "trainer=cpu", "trainer.max_epochs=1")
    run_networks(REPOSITORY / "train.py", sweeps, folder, lambda line: None, short)
    for name, path in network_folders(sweeps, folder).items():
        assert RunFolder(path).status is Status.COMPLETED, name
        assert sorted(read_snapshots(path)) == [0, 1], name
