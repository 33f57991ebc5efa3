"""A run folder's files, status and errors."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.run.folder import REMOVED, RunFolder, find_runs
from cnnlab.run.status import Status
from tests.sweep.runs import begin, end, job

RESUME = """
import pathlib, sys, time
from cnnlab.run.folder import RunFolder
RunFolder(pathlib.Path(sys.argv[1])).claim(resume=True)
print("held", flush=True)
time.sleep(100)
"""
HOLD = """
import pathlib, sys, time
from cnnlab.run.folder import RunFolder
RunFolder(pathlib.Path(sys.argv[1])).claim(resume=False)
print("held", flush=True)
time.sleep(100)
"""


def run_in(folder: Path, status: str | None = None, error: str | None = None) -> RunFolder:
    """A run that has started, with a result if it has a status."""
    one = job(folder)
    begin(one)
    if status is not None:
        end(one, status, error)
    return one.folder


def test_a_run_has_started_when_its_record_is_whole(tmp_path: Path):
    run = RunFolder(tmp_path / "a")
    assert (run.has_started, run.status, run.error, run.result()) == (False, None, "", None)
    (run.path / ".hydra").mkdir(parents=True)
    (run.path / ".hydra" / "overrides.yaml").touch()  # killed while Hydra wrote it
    assert (run.has_started, run.status) == (False, None)


@pytest.mark.parametrize("status", Status.recorded())
def test_its_status_is_that_of_its_result(tmp_path: Path, status: Status):
    run = run_in(tmp_path / "a")
    assert (run.has_started, run.status) == (True, Status.KILLED)
    run = run_in(tmp_path / "b", status, "why")
    assert (run.status, run.error) == (status, "why")


@pytest.mark.parametrize("text", ['{"status": "comp', "[]", "{}", '{"status": []}', '{"status": "unheard of"}', "\x00"])
def test_a_damaged_result_is_none(tmp_path: Path, text: str):
    run = run_in(tmp_path / "a")
    run.result_json.write_text(text)
    assert (run.result(), run.status) == (None, Status.KILLED)


def test_what_was_recorded_comes_back(tmp_path: Path):
    run = run_in(tmp_path / "a")
    assert run.overrides() == ["data=mnist_5k", "seed=3"]
    assert run.config().seed == 3
    assert run.option_names()["data"] == "mnist_5k"


@pytest.mark.parametrize("content", [None, "{seed: ", "[1, 2]"])
def test_a_config_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / ".hydra").mkdir()
        (tmp_path / ".hydra" / "config.yaml").write_text(content)
    with pytest.raises(UserError, match=r"config\.yaml is damaged or missing .*; start a new run"):
        RunFolder(tmp_path).config()


def test_a_config_that_unfolds_without_end_is_refused_and_a_star_is_not(tmp_path: Path):
    (tmp_path / ".hydra").mkdir()
    record = tmp_path / ".hydra" / "config.yaml"
    record.write_text(
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(99))
    )
    with pytest.raises(UserError, match=r"is damaged or missing \(it has YAML aliases"):
        RunFolder(tmp_path).config()
    record.write_text("optimizer: glob(*)\nname: '*a'\n")
    assert RunFolder(tmp_path).config() == {"optimizer": "glob(*)", "name": "*a"}


def test_room_is_made_for_a_run_that_starts_and_never_at_the_cost_of_another(tmp_path: Path):
    for name, status in (("failed", "failed"), ("stopped", "interrupted"), ("killed", None), ("done", "completed")):
        run_in(tmp_path / name, status)
    (tmp_path / "unrecorded" / ".hydra").mkdir(parents=True)
    (tmp_path / "unrecorded" / "run.log").touch()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").touch()
    for name in ("failed", "stopped", "killed", "done", "unrecorded", "foreign", "missing"):
        RunFolder(tmp_path / name).clear()
    assert {path.name for path in tmp_path.iterdir()} == {"stopped", "killed", "done", "foreign"}


def test_a_folder_in_which_a_process_runs_is_not_removed(tmp_path: Path):
    run = run_in(tmp_path / "run", "failed")
    with subprocess.Popen([sys.executable, "-c", RESUME, str(run)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=r"another process is using .*run; wait for it, or stop it"):
            run.clear()
        assert run.status_without_lock is Status.FAILED
        other.kill()
    run.clear()
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
        run.clear()
    (remains,) = tmp_path.iterdir()
    assert remains.name.startswith(REMOVED)
    assert (remains / "result.json").is_file()
    assert RunFolder.all_in(tmp_path) == []
    (tmp_path / "sweeps").mkdir()
    remains.rename(tmp_path / "sweeps" / remains.name)
    assert list(find_runs(tmp_path)) == []
    run.claim(resume=False)  # its place is free


def test_runs_are_found_in_single_folders_and_in_sweeps_latest_first(tmp_path: Path):
    for age, name in enumerate(("runs/a", "sweeps/s/seed=0", "sweeps/s/seed=1", "elsewhere/b")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "result.json").touch()
        os.utime(tmp_path / name / "result.json", (1000 - age, 1000 - age))
    assert [str(run) for run in find_runs(tmp_path)] == [
        str(tmp_path / name) for name in ("runs/a", "sweeps/s/seed=0", "sweeps/s/seed=1")
    ]
    assert [run.path.name for run in RunFolder.all_in(tmp_path / "sweeps" / "s")] == ["seed=0", "seed=1"]


def test_a_folder_in_which_a_process_runs_is_refused_until_it_is_dead(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        for resume in (False, True):
            with pytest.raises(UserError, match="another process is using"):
                RunFolder(tmp_path / "run").claim(resume=resume)
        first.kill()
    RunFolder(tmp_path / "run").claim(resume=False)  # it was killed before it started


def test_a_folder_with_a_run_is_refused_unless_it_is_resumed(tmp_path: Path):
    run = run_in(tmp_path / "run")
    with pytest.raises(UserError, match="runs cannot share a folder"):
        run.claim(resume=False)
    run.claim(resume=True)


def test_a_folder_with_other_files_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"is not empty.* or move away thesis\.tex$"):
        RunFolder(tmp_path).claim(resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot create the run folder .*: File exists; choose another"):
        RunFolder(tmp_path / "file").claim(resume=False)


def test_a_run_is_running_while_a_process_holds_its_lock_whatever_was_recorded_before(tmp_path: Path):
    runs = [run_in(tmp_path / "killed"), run_in(tmp_path / "resumed", "interrupted"), run_in(tmp_path / "new")]
    done = run_in(tmp_path / "done", "completed")
    for run in (*runs, done):
        run.claim(resume=True)
    assert [run.status for run in (*runs, done)] == [Status.RUNNING] * 3 + [Status.COMPLETED]
    assert runs[0].status_without_lock is Status.KILLED
    assert Status.RUNNING.can_resume
    assert not Status.RUNNING.is_final
    assert Status.RUNNING.label == "running"


def test_a_failed_run_that_is_resumed_by_hand_is_not_cleared(tmp_path: Path):
    run = run_in(tmp_path / "failed", "failed")
    run.claim(resume=True)
    with pytest.raises(UserError, match="another process is using"):
        run.clear()
    assert run.result_json.exists()


def test_a_crash_while_a_run_is_cleared_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_in(tmp_path / "failed", "failed")
    monkeypatch.setattr(shutil, "rmtree", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.clear()
    assert run.status is None
    assert RunFolder.all_in(tmp_path) == []
    RunFolder(tmp_path / "failed").claim(resume=False)


BAD_RECORDS = {
    "binary": b"\x00\xff\xfe\x80",
    "latin-1": "- seed=\u00e9".encode("latin-1"),
    "many aliases": b"a: &-a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &-%c [%s]\n" % (97 + i, 97 + i, b",".join([b"*-%c" % (96 + i)] * 9)) for i in range(1, 12)),
    "nested": b"[" * 20_000,
    "huge": b"- a=1\n" * 1_000_000,
    "tag": b"!!python/object/apply:os.system [echo]",
    "number": b"5",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ["config", "overrides", "hydra"])
@pytest.mark.parametrize("kind", [*BAD_RECORDS, "folder", "pipe"])
def test_a_bad_record_is_named_in_one_line_at_once(tmp_path: Path, name: str, kind: str):
    record = tmp_path / ".hydra" / f"{name}.yaml"
    record.parent.mkdir()
    if kind == "folder":
        record.mkdir()
    elif kind == "pipe":
        os.mkfifo(record)
    else:
        record.write_bytes(BAD_RECORDS[kind])
    run = RunFolder(tmp_path)
    read = {"config": run.config, "overrides": run.overrides, "hydra": run.option_names}[name]
    started = time.process_time()
    if (name, kind) == ("config", "nothing"):
        assert read() == {}
        return
    with pytest.raises(UserError, match=rf"{name}\.yaml is damaged or missing .*; start a new run") as error:
        read()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000
    assert time.process_time() - started < 5


def test_a_bad_result_is_none_at_once(tmp_path: Path):
    run = run_in(tmp_path / "a")
    for make in (
        run.result_json.mkdir,
        lambda: os.mkfifo(run.result_json),
        lambda: run.result_json.write_bytes(b"\xff\xfe"),
        lambda: run.result_json.write_text("[" * 100_000),
        lambda: run.result_json.write_text('{"status": "running"}'),
        lambda: run.result_json.symlink_to(run.result_json),
    ):
        make()
        assert (run.result(), run.status) == (None, Status.KILLED)
        if run.result_json.is_dir():
            run.result_json.rmdir()
        else:
            run.result_json.unlink()
    run.result_json.write_text('{"status": "completed", "data": 5, "error": 3}')
    assert (run.fallback, run.error, run.status) == (None, "3", Status.COMPLETED)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "name", [".lock", "run.log", ".hydra", "checkpoints", "pictures", "metrics.csv", "result.json"]
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
        run.claim(resume=resume)
    assert elsewhere.is_dir() or elsewhere.read_text() == "precious"
    assert elsewhere.is_file() or not list(elsewhere.iterdir())


def test_the_folder_itself_may_be_a_link_and_links_inside_it_are_no_danger(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk")
    run = run_in(tmp_path / "run" / "a")
    (run.path / "wandb").mkdir()
    (run.path / "wandb" / "debug.log").symlink_to("run-1/debug.log")
    run.claim(resume=True)


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
            run.claim(resume=True)


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_in(tmp_path / "run")
    (run.path / "checkpoints").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "checkpoints")  # root may write anywhere
    with pytest.raises(
        UserError, match=r"cannot write in the run folder .*: checkpoints is read-only; .* a copy of it"
    ):
        run.claim(resume=True)


def test_every_folder_without_a_run_has_a_way_on(tmp_path: Path):
    states = {
        "missing": "no run there; it must be a run folder",
        "empty": "no run there; it must be a run folder",
        "locked": "no run there; it must be a run folder",
        "unrecorded": r"killed before it started; start it again, with hydra\.run\.dir=",
        "recordless": r"overrides\.yaml is missing or no file, so what was run is unknown; start a new run",
    }
    for name in list(states)[1:]:
        (tmp_path / name).mkdir()
    (tmp_path / "locked" / ".lock").touch()
    (tmp_path / "unrecorded" / ".hydra").mkdir()
    (tmp_path / "unrecorded" / ".hydra" / "config.yaml").touch()
    (tmp_path / "recordless" / "result.json").write_text('{"status": "completed"}')
    for name, words in states.items():
        run = RunFolder(tmp_path / name)
        assert run.status is None
        assert re.search(words, run.absence)
        if name != "recordless":
            run.claim(resume=False)
    with pytest.raises(UserError, match=r"choose another hydra\.run\.dir, or move away result\.json$"):
        RunFolder(tmp_path / "recordless").claim(resume=False)


@pytest.mark.parametrize(
    "text",
    [
        "hydra: 3",
        "x: 1",
        "[",
        "hydra: {runtime: 3}",
        "hydra: {runtime: {config_sources: [3]}}",
        "hydra: {runtime: {config_sources: [{path: /x}]}}",
        "hydra: {runtime: {config_sources: [{path: null, schema: file, provider: main}]}}",
        "hydra: {runtime: {cwd: [1]}}",
        "hydra: {job: 3}",
        "hydra: {overrides: {hydra: x}}",
    ],
)
def test_a_damaged_record_of_hydra_is_one_line(tmp_path: Path, text: str):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "hydra.yaml").write_text(text)
    with pytest.raises(UserError, match=r"hydra\.yaml is damaged or missing") as error:
        RunFolder(tmp_path).hydra()
    assert "\n" not in str(error.value)


def test_a_record_without_hydras_part_names_no_config_folder(tmp_path: Path):
    assert list(RunFolder(tmp_path).hydra().runtime.config_sources) == []


def test_the_recorded_config_has_the_hydra_values_of_its_run_wherever_it_is_now(tmp_path: Path):
    (tmp_path / ".hydra").mkdir()
    values = {"a": "${hydra:runtime.cwd}", "b": "${hydra:runtime.output_dir}/x", "c": "${a}"}
    OmegaConf.save(OmegaConf.create(values), tmp_path / ".hydra" / "config.yaml")
    runtime = {"cwd": "/there", "output_dir": "/before"}
    OmegaConf.save(OmegaConf.create({"hydra": {"runtime": runtime}}), tmp_path / ".hydra" / "hydra.yaml")
    assert RunFolder(tmp_path).config() == {"a": "/there", "b": f"{tmp_path}/x", "c": "/there"}
    OmegaConf.save(OmegaConf.create(["seed=${hydra:job.num}"]), tmp_path / ".hydra" / "overrides.yaml")
    assert RunFolder(tmp_path).overrides() == ["seed=${hydra:job.num}"]
