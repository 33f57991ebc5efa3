"""What a run folder tells."""

from pathlib import Path

import pytest

from tests.sweep.runs import begin, end, job


def test_a_run_has_a_status_from_its_record_on(tmp_path: Path):
    one = job(tmp_path / "a")
    assert (one.status, one.is_stopped, one.error) == (None, False, "")
    (one.folder / ".hydra").mkdir(parents=True)
    (one.folder / ".hydra" / "overrides.yaml").touch()  # killed while Hydra wrote it
    assert one.status is None


@pytest.mark.parametrize(
    ("status", "is_stopped"),
    [("completed", False), ("diverged", False), ("pruned", False), ("failed", False), ("interrupted", True)],
)
def test_its_status_is_that_of_its_result(tmp_path: Path, status: str, is_stopped: bool):
    one = job(tmp_path / "a")
    begin(one)
    assert (one.status, one.is_stopped) == ("killed", True)
    end(one, status, "why")
    assert (one.status, one.is_stopped, one.error) == (status, is_stopped, "why")


def test_half_a_result_is_none(tmp_path: Path):
    one = job(tmp_path / "a")
    begin(one)
    (one.folder / "result.json").write_text('{"status": "comp')
    assert one.status == "killed"


def test_room_is_made_for_a_run_that_begins_and_never_at_the_cost_of_another(tmp_path: Path):
    missing, failed, unrecorded, stopped, foreign = (job(tmp_path / name) for name in "abcde")
    for one in (failed, stopped):
        begin(one)
    end(failed, "failed")
    end(stopped, "interrupted")
    (unrecorded.folder / ".hydra").mkdir(parents=True)
    (unrecorded.folder / "run.log").touch()
    foreign.folder.mkdir()
    (foreign.folder / "notes.txt").touch()
    for one in (missing, failed, unrecorded, stopped, foreign):
        one.clear()
    assert {path.name for path in tmp_path.iterdir()} == {stopped.folder.name, foreign.folder.name}
