"""A run folder's files, status and errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.run.folder import RunFolder, find_runs
from cnnlab.run.status import Status
from tests.sweep.runs import begin, end, job

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


@pytest.mark.parametrize("status", list(Status))
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
    with pytest.raises(UserError, match="is not empty"):
        RunFolder(tmp_path).claim(resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot create the run folder .*: File exists; choose another"):
        RunFolder(tmp_path / "file").claim(resume=False)


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
