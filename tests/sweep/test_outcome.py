"""A job's outcome, from its exit code and its files."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.run.status import Status
from cnnlab.sweep import Job
from cnnlab.sweep.engines import Ended
from cnnlab.sweep.outcome import Outcome, determine_outcome
from tests.sweep.runs import begin, end, job


def of(one: Job, exit_code: int, log: str = "", reason: str = "") -> Outcome:
    one.log.parent.mkdir(exist_ok=True)
    one.log.write_text(log)
    return determine_outcome(Ended(one, exit_code, 1.5, reason))


@pytest.mark.parametrize(
    ("exit_code", "status"),
    [
        (0, "completed"),
        (3, "diverged"),
        (4, "pruned"),
        (1, "failed"),
        (2, "failed"),
        (130, "interrupted"),
        (143, "interrupted"),
    ],
)
def test_the_runs_own_result_counts_where_its_exit_code_agrees(tmp_path: Path, exit_code: int, status: str):
    one = job(tmp_path / "a")
    begin(one)
    end(one, status, "why")
    written = (one.folder.path / "result.json").read_bytes()
    assert of(one, exit_code) == Outcome(one, Status(status), "why", 1.5)
    assert (one.folder.path / "result.json").read_bytes() == written


@pytest.mark.parametrize(
    ("signum", "reason"),
    [(signal.SIGKILL, "killed by SIGKILL; out of memory?"), (signal.SIGSEGV, "killed by SIGSEGV")],
)
@pytest.mark.parametrize("earlier", [None, "interrupted", "killed", "failed"])
def test_what_was_killed_can_resume_whatever_an_earlier_start_wrote(
    tmp_path: Path, signum: int, reason: str, earlier: str | None
):
    one = job(tmp_path / "a")
    begin(one)
    if earlier is not None:
        end(one, earlier, "of an earlier start")
    assert of(one, -signum) == Outcome(one, Status.KILLED, reason, 1.5)
    result = json.loads((one.folder.path / "result.json").read_text())
    assert (result["status"], result["error"]) == ("killed", reason)


def test_a_signal_after_the_result_does_not_change_it(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    end(one, Status.COMPLETED)
    assert of(one, 143).status is one.folder.status is Status.COMPLETED


@pytest.mark.parametrize(("exit_code", "signum"), [(130, signal.SIGINT), (143, signal.SIGTERM), (129, signal.SIGHUP)])
def test_a_run_that_was_interrupted_before_it_could_say_so_is_interrupted(
    tmp_path: Path, exit_code: int, signum: signal.Signals
):
    before, started = job(tmp_path / "a"), job(tmp_path / "b")
    begin(started)
    for one in (before, started):
        assert of(one, exit_code) == Outcome(one, Status.INTERRUPTED, signum.name, 1.5)
    assert not before.folder.path.exists()
    assert started.folder.status is Status.INTERRUPTED


def test_a_signal_without_a_name_is_named_by_its_number(tmp_path: Path):
    assert of(job(tmp_path / "a"), -40).reason == "killed by signal 40"


def test_a_result_is_written_for_a_run_that_wrote_none(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    of(one, 0)
    result = json.loads((one.folder.path / "result.json").read_text())
    assert (result["status"], result["seed"], result["overrides"]) == ("failed", 3, ["data=mnist_5k", "seed=3"])
    assert result["error"] == "exited with code 0 before the run completed"


def test_a_record_that_is_damaged_is_no_hindrance(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    (one.folder.path / ".hydra" / "config.yaml").unlink()
    assert of(one, -signal.SIGKILL).status is Status.KILLED
    assert one.folder.status is Status.KILLED


def test_the_engines_reason_comes_before_the_signals_name(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    assert of(one, -signal.SIGKILL, reason="killed after 40 s").reason == "killed after 40 s"
    assert one.folder.status is Status.KILLED


def test_a_refusal_is_the_last_error_of_the_latest_start_and_leaves_no_folder(tmp_path: Path):
    one = job(tmp_path / "a")
    log = "$ python train.py\nerror: of an earlier start\n$ python train.py\nerror: one\nerror: two\nmore\n"
    assert of(one, 2, log) == Outcome(one, Status.FAILED, "two", 1.5)
    earlier = "$ python train.py\nerror: of an earlier start\n$ python train.py\n"
    assert of(one, 1, earlier).reason == "exited with code 1 before the run completed"
    assert not one.folder.path.exists()


def test_a_log_that_was_never_made_is_no_hindrance(tmp_path: Path):
    ended = Ended(job(tmp_path / "a"), 1, 1.5)
    assert determine_outcome(ended).reason == "exited with code 1 before the run completed"


def test_a_refusal_counts_before_what_an_earlier_start_wrote(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    end(one, "failed", "of an earlier start")
    written = one.folder.result_json.read_bytes()
    assert of(one, 2, "$ python train.py\nerror: another process is using it\n").reason == "another process is using it"
    assert one.folder.result_json.read_bytes() == written
    end(one, "failed", "UserError: no data there")
    assert of(one, 2, "$ python train.py\nerror: no data there\n").reason == "UserError: no data there"


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_something_else_in_the_place_of_a_log_is_no_hindrance(tmp_path: Path, put: Callable[[Path], None]):
    one = job(tmp_path / "a")
    one.log.parent.mkdir()
    put(one.log)
    assert determine_outcome(Ended(one, 2, 1.5)).reason == f"cannot write the log {one.log}; remove what is there"


@pytest.mark.parametrize(
    "content", [{}, {"extra": 1}, {"params": 3, "steps": "many", "metrics": None}, {"versions": {"torch": 1}}]
)
def test_a_result_with_other_keys_gets_its_new_status(tmp_path: Path, content: dict[str, object]):
    one = job(tmp_path / "a")
    begin(one)
    one.folder.result_json.write_text(json.dumps({"status": "interrupted", "epochs": 7} | content))
    assert of(one, -signal.SIGKILL).status is Status.KILLED
    result = json.loads(one.folder.result_json.read_text())
    assert (result["status"], result["epochs"], result["seed"], result["params"]["seed"]) == ("killed", 7, 3, 3)


@pytest.mark.parametrize("record", ["{}", "{model: 3}", "{seed: 0}", "[1]", "{data: {root: '${nothing}'}}"])
def test_a_record_of_another_shape_is_no_hindrance(tmp_path: Path, record: str):
    one = job(tmp_path / "a")
    begin(one)
    (one.folder.path / ".hydra" / "config.yaml").write_text(record)
    assert of(one, -signal.SIGKILL).status is Status.KILLED


def test_a_sweeps_folder_that_was_removed_is_named(tmp_path: Path):
    one = job(tmp_path / "sweep" / "seed=3")
    assert determine_outcome(Ended(one, 1, 1.0)) == Outcome(one, Status.FAILED, "the sweep's folder was removed", 1.0)
