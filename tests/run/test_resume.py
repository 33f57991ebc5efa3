import json
import os
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.run import resume
from cnnlab.run.flags import CommandLine
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import quote


def expand_resume(arguments: list[str], conf: Path | None = None) -> list[str]:
    return resume.expand_resume(CommandLine.parse(arguments), conf).arguments()


def finished(arguments: list[str]) -> RunFolder | None:
    return resume.finished(CommandLine.parse(arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(["optimizer=adam", "seed=3"]), tmp_path / ".hydra" / "overrides.yaml")
    return tmp_path


@pytest.mark.parametrize("content", [None, b"hydra: null", b"hydra: {overrides: {task: 5}}", b"[1]", b"\xff", b""])
def test_a_sweep_whose_record_is_somebody_elses_is_still_told_from_a_run(tmp_path: Path, content: bytes | None):
    record = tmp_path / "multirun.yaml"
    os.mkfifo(record) if content is None else record.write_bytes(content)
    with pytest.raises(UserError, match="a sweep's folder; the command that started it resumes all of its jobs"):
        expand_resume([f"resume={tmp_path}"])


def test_the_recorded_overrides_come_back_with_the_folder(folder: Path):
    expanded = expand_resume([f"resume={folder}", "console=lines"])
    where = [
        f"hydra.run.dir={folder}",
        "hydra.output_subdir=null",
        "hydra.mode=RUN",
        f"resume={folder}",
    ]  # the record stays as it is
    assert expanded == ["optimizer=adam", "seed=3", "console=lines", *where]
    OmegaConf.save(OmegaConf.create(expanded), folder / ".hydra" / "overrides.yaml")
    assert expand_resume([f"resume={folder}"]).count(f"resume={folder}") == 1


def test_other_command_lines_are_left_alone():
    assert expand_resume(["optimizer=adam", "resume=null"]) == ["optimizer=adam", "resume=null"]


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="no run there; it must be a run folder"):
        expand_resume([f"resume={tmp_path}"])


def test_a_plus_does_not_make_it_another_key(folder: Path):
    assert expand_resume([f"+resume={folder}"])[-1] == f"resume={folder}"


def test_a_sweep_cannot_resume_one_run(folder: Path):
    with pytest.raises(UserError, match="-m starts many"):
        expand_resume(["-m", f"resume={folder}"])


def test_a_damaged_record_is_refused(folder: Path):
    (folder / ".hydra" / "overrides.yaml").write_text("[optimizer=adam")
    with pytest.raises(UserError, match=r"overrides\.yaml is damaged"):
        expand_resume([f"resume={folder}"])


def test_a_damaged_result_does_not_count_as_one(folder: Path):
    for text in ("{bad", "[]", "{}"):
        (folder / "result.json").write_text(text)
        assert finished([f"resume={folder}"]) is None


def test_with_anything_else_typed_a_finished_run_is_looked_at_again(folder: Path):
    (folder / "result.json").write_text(json.dumps({"status": "completed"}))
    assert finished([f"resume={folder}", "seed=1"]) is None


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ("completed", True),
        ("diverged", True),
        ("pruned", True),
        ("interrupted", False),
        ("killed", False),
        ("failed", False),
    ],
)
def test_only_a_run_with_nothing_left_to_do_is_finished(folder: Path, status: str, done: bool):
    assert finished([f"resume={folder}"]) is None
    (folder / "result.json").write_text(json.dumps({"status": status}))
    assert (finished([f"resume={folder}"]) is not None) == done


def test_a_record_that_was_killed_before_it_was_written_is_none(folder: Path):
    (folder / ".hydra" / "overrides.yaml").write_text("")
    with pytest.raises(UserError, match="no run there"):
        expand_resume([f"resume={folder}"])


def started(folder: Path, status: str | None = None) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(["optimizer=adam", "seed=3"]), folder / ".hydra" / "overrides.yaml")
    if status is not None:
        (folder / "result.json").write_text(json.dumps({"status": status}))
    return folder


@pytest.mark.parametrize("argument", ["{run}/checkpoints/last.ckpt", "{run}/checkpoints", "{run}/.hydra", "{run}/x/y"])
def test_a_part_of_a_run_names_the_run(tmp_path: Path, argument: str):
    run = started(tmp_path / "내 실험")
    with pytest.raises(UserError, match=f"inside a run's folder; resume the run: cnnlab 'resume={run}'$"):
        expand_resume([f"resume={argument.format(run=run)}"])


def test_a_folder_of_runs_names_the_latest_that_can_be_resumed(tmp_path: Path):
    started(tmp_path / "runs" / "completed", "completed")
    killed = started(tmp_path / "runs" / "killed")
    for argument, reason in (
        ("runs", "no run there"),
        ("runs/typo", "the folder does not exist"),
        ("", "no run there"),
    ):
        with pytest.raises(
            UserError, match=f"{reason}; the latest run there that can be resumed: cnnlab resume={killed}$"
        ):
            expand_resume([f"resume={tmp_path / argument}"])


def test_a_sweeps_folder_names_the_sweeps_command(tmp_path: Path):
    started(tmp_path / "seed=1", "completed")
    (tmp_path / "known.jsonl").touch()
    with pytest.raises(UserError, match="a sweep's folder; the command that started it resumes all of its jobs; "):
        expand_resume([f"resume={tmp_path}"])
    OmegaConf.save({"hydra": {"overrides": {"task": ["seed=0,1"]}}}, tmp_path / "multirun.yaml")
    (tmp_path / "tuning").mkdir()  # whose record has the command of the whole sweep, and another folder
    OmegaConf.save({"hydra": {"overrides": {"task": ["seed=0,1"]}}}, tmp_path / "tuning" / "multirun.yaml")
    command = f"cnnlab -m seed=0,1 hydra.sweep.dir={tmp_path}"
    for folder in (tmp_path, tmp_path / "tuning"):
        with pytest.raises(UserError, match=f"a sweep's folder; {command} resumes all of its jobs; "):
            expand_resume([f"resume={folder}"])


@pytest.mark.parametrize("status", ["completed", "diverged", "pruned"])
def test_a_finished_run_with_other_values_names_the_command_of_a_new_run(tmp_path: Path, status: str):
    folder = started(tmp_path / "run", status)
    with pytest.raises(UserError, match=f"the run is {status}, so there is nothing to resume; ") as error:
        expand_resume([f"resume={folder}", "seed=4", "optimizer.lr=0.1"])
    assert str(error.value).endswith(": cnnlab optimizer=adam seed=4 optimizer.lr=0.1")
    expand_resume(["--cfg", "job", f"resume={folder}", "seed=4"])  # only shows the config


def test_the_runs_own_values_typed_again_are_no_change(tmp_path: Path):
    assert finished([f"resume={started(tmp_path / 'run', 'completed')}", "seed=3"]) is not None


@pytest.mark.parametrize(
    "text", ["1", "true", "null", "1e3", "a,b", "a b", "it's", r"it\'s", "a=\\", "\\\\' '\\", "", "C:\\x y\\z"]
)
def test_a_quoted_text_is_read_as_it_was(text: str):
    assert OverridesParser.create().parse_override(f"key={quote(text)}").value() == text


def record_hydra(
    folder: Path, *sources: tuple[str, str, str], name: str = "train", typed: tuple[str, ...] = ()
) -> None:
    runtime = {
        "cwd": str(folder),
        "config_sources": [
            {"provider": provider, "schema": schema, "path": str(path)} for provider, schema, path in sources
        ],
    }
    hydra = {"runtime": runtime, "job": {"config_name": name}, "overrides": {"hydra": list(typed)}}
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), folder / ".hydra" / "hydra.yaml")


def test_the_recorded_config_folders_come_back_before_the_overrides(folder: Path):
    (folder / "a 'b'").mkdir()
    record_hydra(
        folder,
        ("main", "file", "/program/conf"),
        ("command-line", "file", folder),
        ("hydra.searchpath in command-line", "file", "a 'b'"),  # relative to where it was started
        ("hydra.searchpath in command-line", "pkg", "mine.conf"),
        name="mine",
        typed=("hydra.job.num=3", "hydra.run.dir=/x", "hydra.callbacks.x._target_=os.system"),
    )
    arguments = expand_resume([f"resume={folder}", "console=lines"], Path("/program/conf"))
    flags, overrides = arguments[:2], arguments[2:]
    assert flags == [f"--config-dir={folder}", "--config-name=mine"]
    assert overrides[:3] == ["optimizer=adam", "seed=3", "console=lines"]
    search_path = next(text for text in overrides if text.startswith("hydra.searchpath="))
    parsed = OverridesParser.create().parse_override(search_path).value()
    assert parsed == [f"file://{folder}/a 'b'", "pkg://mine.conf"]
    assert "hydra.job.num=3" in overrides
    assert not any(
        "callbacks" in text or text == "hydra.run.dir=/x" for text in overrides
    )  # nothing that runs or writes


def test_flags_beside_resume_replace_the_recorded_ones(folder: Path):
    record_hydra(folder, ("command-line", "file", folder / "gone"))
    arguments = expand_resume([f"resume={folder}", "--config-dir=new", "-c", "job"])
    assert arguments[:2] == ["--config-dir=new", "--cfg=job"]
    assert expand_resume(["-cd", "new", f"resume={folder}"]) == [arguments[0], *arguments[2:]]


@pytest.mark.parametrize(
    ("provider", "hint"),
    [
        ("command-line", "--config-dir <folder> resume="),
        ("hydra.searchpath in command-line", "hydra.searchpath=[<folder>] resume="),
        ("main", "--config-path <folder> resume="),
    ],
)
def test_a_config_folder_that_was_moved_is_named(folder: Path, provider: str, hint: str):
    record_hydra(folder, (provider, "file", folder / "gone"))
    with pytest.raises(UserError) as error:
        expand_resume([f"resume={folder}"], Path("/program/conf"))
    assert f"config folder {folder}/gone does not exist; if it was moved" in str(error.value)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


def test_another_config_path_comes_back_but_not_that_of_this_program_before_it_was_moved(folder: Path):
    record_hydra(folder, ("main", "file", folder))
    assert expand_resume([f"resume={folder}"], Path("/program/conf"))[0] == f"--config-path={folder}"
    assert expand_resume([f"resume={folder}"], folder)[0] == "optimizer=adam"
    record_hydra(folder, ("main", "file", "/before/conf"))
    assert expand_resume([f"resume={folder}"], Path("/program/conf"))[0] == "optimizer=adam"


def test_a_finished_run_is_finished_with_its_config_folder_too(folder: Path):
    (folder / "result.json").write_text('{"status": "completed"}')
    assert finished([f"resume={folder}"]) is not None
    assert finished(["--config-dir", "x", f"resume={folder}"]) is not None
    assert finished(["--cfg", "job", f"resume={folder}"]) is None
    assert finished([f"resume={folder}", "seed=1"]) is None
