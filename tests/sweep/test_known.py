"""Jobs whose configs need not be composed again."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep import Action, Job, plan
from cnnlab.sweep.known import DigestOfConfig, KnownJobs
from cnnlab.sweep.outcome import Outcome
from tests.sweep.runs import result


class Digest:
    """The digest of config files that may change."""

    now = "a"

    def __call__(self) -> str:
        return self.now


def run(known: KnownJobs, job: Job, status: Status = Status.COMPLETED) -> None:
    assert list(known.track_starts([job])) == [job]
    known.record(Outcome(job, status, "", 1.0))


JOB = Job("seed=1", ("seed=1", "trainer.max_epochs=2"), RunFolder(Path("seed=1")))


def test_a_run_is_known_to_the_next_sweep_until_something_changes(tmp_path: Path):
    path, digest = tmp_path / "known.jsonl", Digest()
    assert JOB not in KnownJobs(path, digest)
    run(KnownJobs(path, digest), JOB)
    assert JOB in KnownJobs(path, digest)
    assert replace(JOB, overrides=("seed=1", "trainer.max_epochs=3")) not in KnownJobs(path, digest)
    digest.now = "b"
    assert JOB not in KnownJobs(path, digest)
    run(KnownJobs(path, digest), JOB)
    assert JOB in KnownJobs(path, digest)


def test_a_run_during_which_the_config_changed_is_not_known(tmp_path: Path):
    digest = Digest()
    known = KnownJobs(tmp_path / "known.jsonl", digest)
    list(known.track_starts([JOB]))
    digest.now = "b"
    known.record(Outcome(JOB, Status.COMPLETED, "", 1.0))
    assert JOB not in KnownJobs(tmp_path / "known.jsonl", digest)


def test_a_run_on_other_data_than_requested_is_not_known(tmp_path: Path):
    path, one = tmp_path / "known.jsonl", replace(JOB, folder=RunFolder(tmp_path))
    (tmp_path / "result.json").write_text('{"status": "completed", "data": {"name": "a", "instead_of": "b"}}')
    run(KnownJobs(path, Digest()), one)
    assert one not in KnownJobs(path, Digest())


def test_a_file_that_is_damaged_or_from_elsewhere_is_read_as_far_as_it_can_be(tmp_path: Path):
    path = tmp_path / "known.jsonl"
    run(KnownJobs(path, Digest()), JOB)
    foreign = b'3\n{"a": 1}\n[[1], 2]\n"ab"\nnull\n[]\n\xff\xfe\n' + b"[" * 5000 + b"\n"
    path.write_bytes(foreign + path.read_bytes() + b'["seed=2", ["se')
    known = KnownJobs(path, Digest())
    assert JOB in known
    other = replace(JOB, name="seed=3")
    run(known, other)
    assert path.read_bytes().endswith(b"]\n")
    assert {JOB, other} <= {job for job in (JOB, other) if job in KnownJobs(path, Digest())}  # not in the torn line


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_something_else_in_its_place_is_named_and_not_used(
    tmp_path: Path, put: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
):
    put(tmp_path / "known.jsonl")
    known = KnownJobs(tmp_path / "known.jsonl", Digest())
    run(known, JOB)
    assert JOB not in known
    error = capsys.readouterr().err
    assert error.startswith(f"{tmp_path / 'known.jsonl'} cannot be read (")
    assert error.count("\n") == 1


def test_a_disk_that_is_full_does_no_harm():
    run(KnownJobs(Path("/dev/full"), Digest()), JOB)


@pytest.mark.parametrize("status", [Status.FAILED, Status.INTERRUPTED, Status.KILLED])
def test_a_run_that_is_not_at_its_end_is_not_known(tmp_path: Path, status: Status):
    run(KnownJobs(tmp_path / "known.jsonl", Digest()), JOB, status)
    assert JOB not in KnownJobs(tmp_path / "known.jsonl", Digest())


def test_a_known_job_is_skipped_without_composing(tmp_path: Path):
    def refuse(job: Job) -> DictConfig:
        raise AssertionError("it is known")

    job = replace(JOB, folder=RunFolder(tmp_path / JOB.name))
    (job.folder.path / ".hydra").mkdir(parents=True)
    (job.folder.path / ".hydra" / "overrides.yaml").write_text("- seed=1")
    (job.folder.path / "result.json").write_text(result("completed"))
    (step,) = plan([job], refuse, known=[job])
    assert step.action is Action.SKIP


def test_the_digest_is_of_the_files_and_of_the_values(tmp_path: Path):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "sgd.yaml").write_text("lr: 0.1")
    sources = [{"path": str(tmp_path), "schema": "file", "provider": "main"}]
    config = OmegaConf.create({"seed": 0, "model": {}, "hydra": {"runtime": {"config_sources": sources}}})
    assert isinstance(config, DictConfig)
    digest = DigestOfConfig(config)
    first = digest()
    assert digest() == DigestOfConfig(config)() == first
    (tmp_path / ".#train.yaml").symlink_to("an editor's lock")
    assert digest() == first
    (tmp_path / "optimizer" / "sgd.yaml").write_text("lr: 0.02")
    second = digest()
    config.seed = 1
    third = DigestOfConfig(config)()
    assert len({first, second, third}) == 3
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    assert digest() != digest()  # and so no run is known
