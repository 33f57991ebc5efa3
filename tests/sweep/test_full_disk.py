"""A sweep on a disk that is full, which is a small file system of its own."""

from pathlib import Path

import pytest

from tests.sweep.faults import FILLER
from tests.sweep.sweeps import results, sweep, weights

JOBS = (
    *("trainer.max_epochs=2", "trainer.limit_train_batches=5", "hydra.launcher.n_jobs=1"),
    *("+callbacks.fault._target_=tests.sweep.faults.Fault", "+callbacks.fault.how=none,fill", "seed=0,1"),
)
NONE, FILL = "+callbacks.fault.how=none", "+callbacks.fault.how=fill"


@pytest.mark.slow
def test_jobs_that_meet_a_full_disk_fail_and_are_completed_when_there_is_room(disk: Path):
    folder = disk / "sweep"
    code, text = sweep(folder, *JOBS)
    assert code == 1, text
    assert set(weights(folder)) == {f"{NONE},seed=0", f"{NONE},seed=1"}  # and no other has half a result.json
    reasons = {line.partition(": failed: ")[0].strip(): line.partition(": failed: ")[2] for line in text.splitlines()}
    running, before = reasons[f"{FILL},seed=0"], reasons[f"{FILL},seed=1"]
    assert running.startswith("cannot write the run's files: No space left on device: "), text
    assert before == f"No space left on device: {folder}", text
    assert not list(folder.rglob("*.tmp"))

    (folder / FILLER).write_bytes(b"")
    code, text = sweep(folder, *JOBS)
    assert (code, "2 completed, 2 done before" in text) == (0, True), text
    found = weights(folder)
    assert len(results(folder)) == 4
    assert all(found[f"{FILL},seed={seed}"] == found[f"{NONE},seed={seed}"] for seed in (0, 1))
