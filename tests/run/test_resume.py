import json
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from cnnlab.errors import UserError
from cnnlab.run.resume import expand_resume, finished, quote


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(["optimizer=adam", "seed=3"]), tmp_path / ".hydra" / "overrides.yaml")
    return tmp_path


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


@pytest.mark.parametrize("text", ["a b", "it's", r"it\'s", "a=\\", "\\\\' '\\", "", "C:\\x y\\z"])
def test_a_quoted_text_is_read_as_it_was(text: str):
    assert OverridesParser.create().parse_override(f"key={quote(text)}").value() == text
