"""Which process may use a run's folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.run.claim import REMOVED, check_name, claim, clear
from cnnlab.run.folder import RunFolder, find_runs
from cnnlab.run.status import Status
from tests.sweep.runs import run_in

RESUME = """
import pathlib, sys, time
from cnnlab.run.claim import claim
from cnnlab.run.folder import RunFolder
claim(RunFolder(pathlib.Path(sys.argv[1])), resume=True)
print("held", flush=True)
time.sleep(100)
"""
HOLD = """
import pathlib, sys, time
from cnnlab.run.claim import claim
from cnnlab.run.folder import RunFolder
claim(RunFolder(pathlib.Path(sys.argv[1])), resume=False)
print("held", flush=True)
time.sleep(100)
"""


def test_room_is_made_for_a_run_that_starts_and_never_at_the_cost_of_another(tmp_path: Path):
    for name, status in (("failed", "failed"), ("stopped", "interrupted"), ("killed", None), ("done", "completed")):
        run_in(tmp_path / name, status)
    (tmp_path / "unrecorded" / ".hydra").mkdir(parents=True)
    (tmp_path / "unrecorded" / "run.log").touch()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").touch()
    for name in ("failed", "stopped", "killed", "done", "unrecorded", "foreign", "missing"):
        clear(RunFolder(tmp_path / name))
    assert {path.name for path in tmp_path.iterdir()} == {"stopped", "killed", "done", "foreign"}


def test_a_link_to_a_run_is_removed_and_the_run_is_not(tmp_path: Path):
    run_in(tmp_path / "elsewhere", "failed")
    (tmp_path / "run").symlink_to("elsewhere")
    clear(RunFolder(tmp_path / "run"))
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    assert (tmp_path / "elsewhere" / "result.json").is_file()


def test_a_folder_in_which_a_process_runs_is_not_removed(tmp_path: Path):
    run = run_in(tmp_path / "run", "failed")
    with subprocess.Popen([sys.executable, "-c", RESUME, str(run)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=r"another process is using .*run; wait for it, or stop it"):
            clear(run)
        assert run.status_without_lock is Status.FAILED
        other.kill()
    clear(run)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_while_a_run_is_removed_leaves_nothing_that_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def die(path: Path) -> None:
        (path / ".hydra" / "overrides.yaml").unlink()
        raise KeyboardInterrupt

    run = run_in(tmp_path / "run", "failed")
    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        clear(run)
    (remains,) = tmp_path.iterdir()
    assert remains.name.startswith(REMOVED)
    assert (remains / "result.json").is_file()
    assert RunFolder.all_in(tmp_path) == []
    (tmp_path / "sweeps").mkdir()
    remains.rename(tmp_path / "sweeps" / remains.name)
    assert list(find_runs(tmp_path)) == []
    claim(run, resume=False)  # its place is free


def test_a_folder_in_which_a_process_runs_is_refused_until_it_is_dead(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        for resume in (False, True):
            with pytest.raises(UserError, match="another process is using"):
                claim(RunFolder(tmp_path / "run"), resume=resume)
        first.kill()
    claim(RunFolder(tmp_path / "run"), resume=False)  # it was killed before it started


def test_a_folder_with_a_run_is_refused_unless_it_is_resumed(tmp_path: Path):
    run = run_in(tmp_path / "run")
    with pytest.raises(UserError, match="runs cannot share a folder"):
        claim(run, resume=False)
    claim(run, resume=True)


def test_a_folder_with_other_files_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"is not empty.* or move away thesis\.tex$"):
        claim(RunFolder(tmp_path), resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot create the run folder .*: File exists; choose another"):
        claim(RunFolder(tmp_path / "file"), resume=False)


def test_a_failed_run_that_is_resumed_by_hand_is_not_cleared(tmp_path: Path):
    run = run_in(tmp_path / "failed", "failed")
    claim(run, resume=True)
    with pytest.raises(UserError, match="another process is using"):
        clear(run)
    assert run.result_json.exists()


def test_a_crash_while_a_run_is_cleared_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_in(tmp_path / "failed", "failed")
    monkeypatch.setattr(shutil, "rmtree", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        clear(run)
    assert run.status is None
    assert RunFolder.all_in(tmp_path) == []
    claim(RunFolder(tmp_path / "failed"), resume=False)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "name", [".lock", "run.log", ".hydra", "checkpoints", "pictures", "metrics.csv", "predictions.npz", "result.json"]
)
def test_nothing_is_written_through_a_link_out_of_the_folder(tmp_path: Path, name: str, resume: bool):
    run = run_in(tmp_path / "run") if resume else RunFolder(tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious") if "." in name[1:] or name == ".lock" else elsewhere.mkdir()
    if (run.path / name).exists():
        (run.path / name).rename(tmp_path / "moved")
    run.path.mkdir(exist_ok=True)
    (run.path / name).symlink_to(elsewhere)
    with pytest.raises(UserError, match=rf"/{name} is a link to .*elsewhere, .*; remove it"):
        claim(run, resume=resume)
    assert elsewhere.is_dir() or elsewhere.read_text() == "precious"
    assert elsewhere.is_file() or not list(elsewhere.iterdir())


def test_the_folder_itself_may_be_a_link_and_links_inside_it_are_no_danger(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    run = run_in(tmp_path / "run" / "a")
    (run.path / "wandb").mkdir()
    (run.path / "wandb" / "debug.log").symlink_to("run-1/debug.log")
    claim(run, resume=True)


def test_a_pipe_or_a_folder_in_a_files_place_is_refused_before_the_run(tmp_path: Path):
    for name, make, words in (
        ("run.log", os.mkfifo, "is a named pipe"),
        ("result.json", os.mkdir, "must be a file, and is not"),
        ("checkpoints/last.ckpt", os.makedirs, "must be a file, and is not"),
        (".result.json.tmp", os.mkdir, "must be a file, and is not"),
        ("checkpoints/.last.ckpt.tmp", os.makedirs, "must be a file, and is not"),
        ("checkpoints", lambda path: path.touch(), "must be a folder, and is not"),
        ("metrics.csv", lambda path: path.symlink_to(path.name), "must be a file, and is not"),
    ):
        run = run_in(tmp_path / name.replace("/", "-"))
        make(run.path / name)
        with pytest.raises(UserError, match=rf"{name} {words}.*remove it"):
            claim(run, resume=True)


@pytest.mark.parametrize("name", ["checkpoints", "pictures", ".hydra", "run.log"])
def test_what_cannot_be_written_is_refused_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    run = run_in(tmp_path / "run")
    for folder in ("checkpoints", "pictures"):
        (run.path / folder).mkdir()
    (run.path / "run.log").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != name)  # root may write anywhere
    with pytest.raises(UserError, match=rf"cannot write in the run folder .*: {name} is read-only; .* a copy of it"):
        claim(run, resume=True)


def test_a_folder_whose_name_nothing_can_write_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"has characters that are not UTF-8; .*LC_ALL=C\.UTF-8"):
        check_name(tmp_path / os.fsdecode(b"caf\xe9"))
    check_name(tmp_path / "café λ 한국")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "elsewhere").touch()
    (tmp_path / "project" / "bin").mkdir(parents=True)
    (tmp_path / "project" / "bin" / "python").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"project is not empty, .*choose another hydra\.run\.dir, or move away bin"):
        claim(RunFolder(tmp_path / "project"), resume=False)
    assert not (tmp_path / "project" / ".lock").exists()
