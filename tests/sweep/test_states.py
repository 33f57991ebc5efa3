"""Every state that a job's folder can be in has a way out: the next start starts, resumes, or skips the job."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.run import claim as claim_module
from cnnlab.run.flags import CommandLine
from cnnlab.run.resume import expand_resume
from cnnlab.sweep import Action, Job, Task, plan
from tests.sweep.runs import begin, end, job, result


def nothing(one: Job) -> None:
    """Never started."""


def empty(one: Job) -> None:
    one.folder.path.mkdir()


def locked_once(one: Job) -> None:
    empty(one)
    (one.folder.path / ".lock").touch()


def killed_before_its_record(one: Job) -> None:
    locked_once(one)
    (one.folder.path / "run.log").touch()
    (one.folder.path / ".hydra").mkdir()
    (one.folder.path / ".hydra" / "overrides.yaml").touch()


def killed(one: Job) -> None:
    begin(one)


def killed_with_a_checkpoint(one: Job) -> None:
    begin(one)
    one.folder.last_checkpoint.parent.mkdir()
    one.folder.last_checkpoint.touch()


def interrupted(one: Job) -> None:
    begin(one)
    end(one, "interrupted")


def failed(one: Job) -> None:
    begin(one)
    end(one, "failed")


def failed_with_a_checkpoint(one: Job) -> None:
    killed_with_a_checkpoint(one)
    end(one, "failed", steps=10)


def failed_again(one: Job) -> None:
    failed_with_a_checkpoint(one)
    (one.folder.path / ".retried").write_text("10")


def half_removed(one: Job) -> None:
    """By an earlier version that was killed."""
    empty(one)
    (one.folder.path / "result.json").write_text(result("failed"))


def half_removed_but_its_record(one: Job) -> None:
    begin(one)
    (one.folder.path / ".hydra" / "config.yaml").unlink()


def file(one: Job) -> None:
    one.folder.path.touch()


def fifo(one: Job) -> None:
    os.mkfifo(one.folder.path)


def loop(one: Job) -> None:
    one.folder.path.symlink_to(one.folder.path.name)


def notes(one: Job) -> None:
    empty(one)
    (one.folder.path / "notes.txt").touch()


def damaged(name: str, content: bytes) -> Callable[[Job], None]:
    def put(one: Job) -> None:
        interrupted(one)
        (one.folder.path / name).write_bytes(content)

    return put


def completed(one: Job) -> None:
    begin(one)
    end(one, "completed")


STATES: dict[Callable[[Job], None], str] = {
    **dict.fromkeys((nothing, empty, locked_once, killed_before_its_record, failed, failed_again), "starts"),
    **dict.fromkeys((killed, killed_with_a_checkpoint, interrupted, failed_with_a_checkpoint), "resumes"),
    **dict.fromkeys((half_removed, half_removed_but_its_record, file, fifo, loop, notes), "starts beside"),
    completed: "skips",
    damaged("result.json", b"\xff"): "resumes",
    damaged(".hydra/config.yaml", b"a: ["): "starts beside",
    damaged(".hydra/overrides.yaml", b"\xff: ["): "starts beside",
    damaged(".hydra/overrides.yaml", b"3"): "starts beside",
}


@pytest.mark.parametrize(("state", "way"), STATES.items(), ids=lambda value: getattr(value, "__name__", value))
def test_every_state_of_a_jobs_folder_has_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: Callable[[Job], None], way: str
):
    monkeypatch.setattr(claim_module, "_CLAIMED", claimed := [])
    whole = job(tmp_path / "whole")
    begin(whole)
    one = job(tmp_path / "seed=3")
    state(one)
    (step,) = plan([one], lambda _: whole.folder.config())
    assert (step.job.name != one.name) == way.endswith("beside")
    assert bool(step.remark) == way.endswith("beside")
    assert (step.action is Action.SKIP) == (way == "skips")
    if step.action is Action.SKIP:
        return
    arguments = Task(step.job, Path("train.py"), ("data=mnist_5k", "seed=3")).prepare()
    is_resumed = arguments[-1].startswith("resume=")
    assert is_resumed == (way == "resumes")
    expand_resume(CommandLine.parse(arguments))
    claim_module.claim(step.job.folder, resume=is_resumed)
    for lock in claimed:
        lock.release()
