"""The plan of a sweep, from folders alone."""

import json
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from cnnlab.run.folder import RunFolder
from cnnlab.sweep import Action, Job, plan, print_plan
from cnnlab.sweep.estimate import Estimate


def compose(job: Job) -> DictConfig:
    config = OmegaConf.create({"seed": 0, "model": {}, "trainer": {"max_epochs": 3}})
    config.merge_with_dotlist(list(job.overrides))
    return config


def begin(job: Job, status: str | None = None, **changes: int) -> None:
    """The files of a run that has started, and ended if it has a status."""
    config = compose(job)
    config.trainer.update(changes)
    (job.folder.path / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, job.folder.path / ".hydra" / "config.yaml")
    (job.folder.path / ".hydra" / "overrides.yaml").write_text("[]")
    if status is not None:
        (job.folder.path / "result.json").write_text(json.dumps({"status": status, "error": None}))


def job(folder: Path, name: str = "seed=1") -> Job:
    return Job(name, (name,), RunFolder(folder / name))


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("completed", Action.SKIP),
        ("diverged", Action.SKIP),
        ("pruned", Action.SKIP),
        ("interrupted", Action.RESUME),
        ("killed", Action.RESUME),
        (None, Action.RESUME),
        ("failed", Action.RETRY),
    ],
)
def test_what_is_done_with_a_run_that_was_there(tmp_path: Path, status: str | None, action: Action):
    begin(job(tmp_path), status)
    (step,) = plan([job(tmp_path)], compose)
    assert (step.action, step.job, step.remark) == (action, job(tmp_path), "")


def test_a_run_that_is_not_there_starts_without_composing_its_config(tmp_path: Path):
    def refuse(job: Job) -> DictConfig:
        raise AssertionError("a new job has nothing to be compared with")

    (step,) = plan([job(tmp_path)], refuse)
    assert step.action is Action.START


def test_another_config_runs_beside_the_old_result_and_is_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    begin(job(tmp_path), "completed", max_epochs=7)
    (step,) = plan([job(tmp_path)], compose)
    assert (step.action, step.job.folder.path) == (Action.START, tmp_path / "seed=1~2")
    assert step.remark == "trainer.max_epochs was 7 and is now 3: beside the old result"
    print_plan(tmp_path, [step], 2, Estimate(10.0, 0))
    assert "seed=1~2: new; trainer.max_epochs was 7" in capsys.readouterr().out
    begin(step.job, "completed")
    (step,) = plan([job(tmp_path)], compose)
    assert (step.action, step.job.name) == (Action.SKIP, "seed=1~2")


@pytest.mark.parametrize("content", [b"", b"\0", b"[1]", b"a: [", b"\xff"])
def test_a_damaged_record_is_left_and_the_run_is_made_beside_it(tmp_path: Path, content: bytes):
    begin(job(tmp_path), "completed")
    (tmp_path / "seed=1" / ".hydra" / "config.yaml").write_bytes(content)
    (step,) = plan([job(tmp_path)], compose)
    assert (step.action, step.job.name) == (Action.START, "seed=1~2")
    assert "\n" not in step.remark
    assert step.remark.endswith(": beside the old result")


def test_a_run_on_a_fallback_is_made_again_when_the_data_is_there(tmp_path: Path):
    data = {"name": "digits", "files": {"folder": str(tmp_path / "raw"), "sha256": {"train": "", "test": ""}}}

    def compose_with_data(job: Job) -> DictConfig:
        return OmegaConf.merge(compose(job), {"data": data})  # type: ignore[return-value]

    one = job(tmp_path)
    begin(one, "completed")
    OmegaConf.save(compose_with_data(one), one.folder.path / ".hydra" / "config.yaml")
    used = {"name": "few", "instead_of": "digits"}
    (one.folder.path / "result.json").write_text(json.dumps({"status": "completed", "error": None, "data": used}))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train").touch()
    assert [step.action for step in plan([one], compose_with_data)] == [Action.SKIP]
    (tmp_path / "raw" / "test.gz").touch()
    (step,) = plan([one], compose_with_data)
    assert (step.action, step.job.name) == (Action.START, "seed=1~2")
    assert step.remark == "data=digits was unavailable, so it used few, and is available now: beside the old result"


def test_a_run_that_was_killed_before_it_recorded_itself_makes_room(tmp_path: Path):
    one = job(tmp_path)
    one.folder.path.mkdir()
    (one.folder.path / "run.log").touch()
    assert one.folder.status is None
    one.folder.clear()
    assert not one.folder.path.exists()


def test_what_is_not_a_runs_is_left(tmp_path: Path):
    one = job(tmp_path)
    one.folder.path.mkdir()
    (one.folder.path / "notes.txt").touch()
    one.folder.clear()
    assert (one.folder.path / "notes.txt").exists()
