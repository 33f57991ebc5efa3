"""A run folder's files, status and errors."""

import os
import re
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.run.claim import claim
from cnnlab.run.folder import RunFolder, find_runs
from cnnlab.run.resumable import check_has_run
from cnnlab.run.status import Status
from tests.sweep.runs import run_in


def test_a_run_has_started_when_its_record_is_whole(tmp_path: Path):
    run = RunFolder(tmp_path / "a")
    assert (run.has_started, run.status, run.error, run.result()) == (False, None, "", None)
    (run.path / ".hydra").mkdir(parents=True)
    (run.path / ".hydra" / "overrides.yaml").touch()  # killed while Hydra wrote it
    assert (run.has_started, run.status) == (False, None)


@pytest.mark.parametrize(
    "name", ["", ".hydra/overrides.yaml", ".hydra/config.yaml", ".hydra/hydra.yaml", "result.json"]
)
def test_a_record_that_this_user_may_not_read_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    run = run_in(tmp_path / "a", "interrupted")
    for record in ("config", "hydra"):
        (run.path / ".hydra" / f"{record}.yaml").write_text("{}")
    assert run.unreadable is None
    closed = run.path / name
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)  # root may read everything
    line = f"cannot read {closed}: Permission denied; make it readable (chmod +rX)"
    assert (run.unreadable, run.remains, run.absence) == (line, line, line)
    with pytest.raises(UserError, match=re.escape(f"resume={run}: {line}")):
        check_has_run(run)


def test_an_unreadable_record_is_not_a_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_in(tmp_path / "a")
    record = run.path / ".hydra" / "hydra.yaml"
    record.write_text("{")
    with pytest.raises(
        UserError, match=rf"^{re.escape(str(record))} is damaged or missing \([^()]*\); start a new run$"
    ):
        run.hydra()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != record)
    with pytest.raises(UserError, match=rf"^cannot read {re.escape(str(record))}: Permission denied; make it readable"):
        run.hydra()


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


def test_runs_are_found_in_single_folders_and_in_sweeps_latest_first(tmp_path: Path):
    for age, name in enumerate(("runs/a", "sweeps/s/seed=0", "sweeps/s/seed=1", "elsewhere/b")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "result.json").touch()
        os.utime(tmp_path / name / "result.json", (1000 - age, 1000 - age))
    assert [str(run) for run in find_runs(tmp_path)] == [
        str(tmp_path / name) for name in ("runs/a", "sweeps/s/seed=0", "sweeps/s/seed=1")
    ]
    assert [run.path.name for run in RunFolder.all_in(tmp_path / "sweeps" / "s")] == ["seed=0", "seed=1"]


def test_a_run_is_running_while_a_process_holds_its_lock_whatever_was_recorded_before(tmp_path: Path):
    runs = [run_in(tmp_path / "killed"), run_in(tmp_path / "resumed", "interrupted"), run_in(tmp_path / "new")]
    done = run_in(tmp_path / "done", "completed")
    for run in (*runs, done):
        claim(run, resume=True)
    assert [run.status for run in (*runs, done)] == [Status.RUNNING] * 3 + [Status.COMPLETED]
    assert runs[0].status_without_lock is Status.KILLED
    assert Status.RUNNING.can_resume
    assert not Status.RUNNING.is_final
    assert Status.RUNNING.label == "running"


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
            claim(run, resume=False)
    with pytest.raises(UserError, match=r"choose another hydra\.run\.dir, or move away result\.json$"):
        claim(RunFolder(tmp_path / "recordless"), resume=False)


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
