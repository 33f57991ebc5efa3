"""A job's command, which is decided where it starts."""

from pathlib import Path

import pytest
from filelock import FileLock

from cnnlab.errors import UserError
from cnnlab.run.status import Status
from cnnlab.sweep import Task
from tests.sweep.runs import begin, end, job


def task(folder: Path) -> Task:
    return Task(job(folder), Path("/somewhere/train.py"), ("seed=3", "note='a b'"))


def test_a_run_starts_with_its_arguments_alone_also_after_a_failure(tmp_path: Path):
    one = task(tmp_path / "seed=3")
    assert one.prepare() == ["seed=3", "note='a b'"]
    begin(one.job)
    end(one.job, "failed")
    assert one.prepare() == ["seed=3", "note='a b'"]
    assert not one.job.folder.path.exists()


def test_a_run_that_was_stopped_resumes(tmp_path: Path):
    one = task(tmp_path / "seed=3")
    begin(one.job)  # and was killed
    assert one.prepare() == ["seed=3", "note='a b'", f"resume='{one.job.folder}'"]
    end(one.job, "interrupted")
    assert one.prepare()[-1] == f"resume='{one.job.folder}'"
    assert one.job.folder.path.exists()


def test_a_run_that_failed_resumes_once_from_its_checkpoint_and_then_starts_over(tmp_path: Path):
    one = task(tmp_path / "seed=3")
    begin(one.job)
    one.job.folder.last_checkpoint.parent.mkdir()
    one.job.folder.last_checkpoint.touch()
    for step in (100, 200):  # it got further, as after a disk was full
        end(one.job, "failed", steps=step)
        assert one.prepare()[-1] == f"resume='{one.job.folder}'"
    end(one.job, "failed", steps=200)
    assert one.prepare() == ["seed=3", "note='a b'"]
    assert not one.job.folder.path.exists()


def test_a_run_that_failed_and_is_being_resumed_by_hand_is_left_alone(tmp_path: Path):
    one = task(tmp_path / "seed=3")
    begin(one.job)
    end(one.job, "failed")
    with FileLock(one.job.folder.path / ".lock"), pytest.raises(UserError, match="another process is using"):
        one.prepare()
    assert one.job.folder.status is Status.FAILED
    one.job.folder.last_checkpoint.parent.mkdir()
    one.job.folder.last_checkpoint.touch()
    for _ in range(2):
        with FileLock(one.job.folder.path / ".lock"), pytest.raises(UserError, match="another process is using"):
            one.prepare()
    assert one.prepare()[-1].startswith("resume=")  # it has not been tried before


def test_it_is_logged_as_it_would_be_typed(tmp_path: Path):
    assert task(tmp_path / "a").log_line(["seed=3", "note=a b"]) == "$ python train.py seed=3 'note=a b'"
    installed = Task(job(tmp_path / "a"), Path("/somewhere/bin/cnnlab"), ())
    assert installed.log_line(["seed=3"]) == "$ cnnlab seed=3"
