"""The plan of a sweep, from folders alone."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.run.claim import clear
from cnnlab.run.folder import RunFolder
from cnnlab.sweep import Action, Job, plan, print_plan
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.names import job_name
from cnnlab.sweep.plan import check_case
from tests.sweep.runs import result


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
        (job.folder.path / "result.json").write_text(result(status))


def job(folder: Path, name: str = "seed=1") -> Job:
    return Job(name, (name,), RunFolder(folder / name))


@pytest.mark.parametrize(("status", "action"), [("completed", Action.SKIP), ("interrupted", Action.RESUME)])
def test_a_job_in_the_folder_of_an_older_version_is_not_run_again(tmp_path: Path, status: str, action: Action):
    overrides = ("seed=1", "trainer.max_epochs=3")
    new = Job.in_sweep(tmp_path, job_name(overrides, []), overrides)
    old = Job.in_sweep(tmp_path, "seed=1,trainer.max_epochs=3", overrides)
    assert new.name == "trainer.max_epochs=3,seed=1"
    assert plan([new], compose)[0].job == new
    begin(old, status)
    (step,) = plan([new], compose)
    assert (step.action, step.job, step.remark) == (action, old, "")
    begin(new)
    assert plan([new], compose)[0].job == new


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


def test_values_with_a_tilde_have_runs_of_their_own_also_with_another_config(tmp_path: Path):
    jobs = [job(tmp_path, job_name([text], [])) for text in ("data.root=~/x", "data.root=~/y", "data.root=~2")]
    for each in jobs:
        begin(each, "completed", max_epochs=7)
    steps = plan(jobs, compose)
    assert [step.job.name for step in steps] == [f"{each.name}~2" for each in jobs]
    assert len({step.job.name for step in steps}) == 3
    for step in steps:
        begin(step.job, "completed", max_epochs=9)
    assert [step.job.name for step in plan(jobs, compose)] == [f"{each.name}~3" for each in jobs]


def test_names_that_differ_only_in_case_share_no_folder(tmp_path: Path):
    jobs = [job(tmp_path, "x=a"), job(tmp_path, "x=A")]
    (tmp_path / ".lock").touch()
    check_case(tmp_path, jobs)
    (tmp_path / ".LOCK").touch()  # as it seems to be where case does not count
    with pytest.raises(UserError, match="two jobs would share a folder on this file system: x=a and x=A"):
        check_case(tmp_path, jobs)


def test_another_option_is_named_as_it_is_chosen(tmp_path: Path):
    one = job(tmp_path)
    begin(one, "completed", max_epochs=7)
    record = {"hydra": {"runtime": {"choices": {"trainer": "cpu"}}}}
    OmegaConf.save(record, one.folder.path / ".hydra" / "hydra.yaml")
    for options, overrides in (({"trainer": "gpu"}, ()), ({"trainer": "cpu"}, ("trainer=gpu",))):
        chosen = replace(one, overrides=overrides)
        (step,) = plan([chosen], lambda _: compose(one), options=options)
        assert step.remark == "trainer was cpu and is now gpu: beside the old result"
    (step,) = plan([one], compose, options={"trainer": "cpu"})
    assert step.remark.startswith("trainer.max_epochs was 7")


def put_file(path: Path) -> None:
    path.write_bytes(b"\xff")


def put_notes(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").touch()


def put_half(path: Path) -> None:
    """What an rmtree leaves that was killed."""
    path.mkdir()
    (path / "result.json").write_text(result("failed"))


PLACES: dict[str, Callable[[Path], None]] = {
    "file": put_file,
    "fifo": os.mkfifo,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "notes": put_notes,
    "half of a run": put_half,
}


@pytest.mark.parametrize("place", PLACES)
def test_what_is_in_a_jobs_place_is_named_and_left_and_the_job_runs_beside_it(tmp_path: Path, place: str):
    PLACES[place](tmp_path / "seed=1")
    (step,) = plan([job(tmp_path)], compose)
    assert (step.action, step.job.name) == (Action.START, "seed=1~2")
    assert step.remark.startswith("seed=1 ")
    assert step.remark.endswith(": beside it")
    (step,) = plan([job(tmp_path)], compose)
    assert step.job.name == "seed=1~2"


@pytest.mark.parametrize("name", ["result.json", "metrics.csv", "loggers.json"])
@pytest.mark.parametrize(
    ("put", "what"),
    [(os.mkfifo, "a named pipe"), (lambda path: path.symlink_to("/etc/hosts"), "a link to /etc/hosts")],
    ids=["pipe", "link"],
)
def test_a_run_that_could_not_resume_for_a_pipe_or_a_link_is_named_and_its_job_runs_beside_it(
    tmp_path: Path, name: str, put: Callable[[Path], None], what: str
):
    one = job(tmp_path)
    begin(one, "interrupted")
    (one.folder.path / name).unlink(missing_ok=True)
    put(one.folder.path / name)
    (step,) = plan([one], compose)
    assert (step.action, step.job.name) == (Action.START, "seed=1~2")
    assert step.remark.startswith(f"{one.folder.path / name} is {what}, and a run writes into files in its own folder")


@pytest.mark.parametrize("name", ["result.json", ".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml"])
@pytest.mark.parametrize("kind", ["directory", "fifo", "binary", "empty", "huge", "number", "deep"])
@pytest.mark.parametrize("status", ["completed", "interrupted"])
def test_a_foreign_file_in_a_run_neither_stops_nor_hangs_a_plan(tmp_path: Path, name: str, kind: str, status: str):
    one = job(tmp_path)
    begin(one, status)
    path = one.folder.path / name
    path.unlink(missing_ok=True)
    match kind:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "huge":
            with path.open("wb") as file:
                file.truncate(10**10)
        case _:
            path.write_bytes({"binary": bytes(range(256)), "empty": b"", "number": b"3", "deep": b"[" * 5000}[kind])
    (step,) = plan([one], compose, options={"trainer": "cpu"})
    assert "\n" not in step.remark
    assert step.job.name in ("seed=1", "seed=1~2")
    assert (step.action is Action.START) == (step.job.name == "seed=1~2" or not one.folder.has_started)


@pytest.mark.parametrize(
    ("changed", "flaw"),
    [
        ({"params": [1]}, "params is not a mapping"),
        ({"overrides": "seed=1"}, "overrides is not a list"),
        ({"metrics": {"val/acc": "high"}}, "metrics.val/acc is not a number"),
        ({"seconds": {"fit": True}}, "seconds.fit is not a number"),
        ({"data": None}, "data is not a mapping"),
    ],
)
def test_a_result_that_no_run_wrote_does_not_count(tmp_path: Path, changed: dict[str, Any], flaw: str):
    one = job(tmp_path)
    begin(one, "completed")
    one.folder.result_json.write_text(result("completed", more="of another version"))
    (step,) = plan([one], compose)
    assert step.action is Action.SKIP
    one.folder.result_json.write_text(result("completed", **changed))
    (step,) = plan([one], compose)
    assert (step.action, step.job.name) == (Action.START, "seed=1~2")
    assert step.remark == f"{one.folder.result_json} is not a run's ({flaw}): beside it"


def test_a_run_on_a_fallback_is_made_again_when_the_data_is_there(tmp_path: Path):
    data = {"name": "digits", "files": {"folder": str(tmp_path / "raw"), "sha256": {"train": "", "test": ""}}}

    def compose_with_data(job: Job) -> DictConfig:
        return OmegaConf.merge(compose(job), {"data": data})  # type: ignore[return-value]

    one = job(tmp_path)
    begin(one, "completed")
    OmegaConf.save(compose_with_data(one), one.folder.path / ".hydra" / "config.yaml")
    used = {"name": "few", "instead_of": "digits"}
    (one.folder.path / "result.json").write_text(result("completed", data=used))
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
    clear(one.folder)
    assert not one.folder.path.exists()


def test_what_is_not_a_runs_is_left(tmp_path: Path):
    one = job(tmp_path)
    one.folder.path.mkdir()
    (one.folder.path / "notes.txt").touch()
    clear(one.folder)
    assert (one.folder.path / "notes.txt").exists()
