"""A sweep of runs that have two processes each."""

import signal
from pathlib import Path

import pytest

from tests.sweep.sweeps import finish, gate, results, start, sweep, wait_for, weights

JOBS = (
    *("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.limit_train_batches=5", "seed=0,1"),
    "hydra.launcher.n_jobs=1",
)
MARK = "CNNLAB_TESTED_SWEEP"


def processes(folder: Path) -> list[str]:
    """Those of the sweep in that folder, and all that they have started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={folder}\0".encode() in (path / "environ").read_bytes():
                found.append(path.name)
        except OSError:
            continue  # it has just ended
    return found


@pytest.mark.slow
def test_an_interrupted_sweep_leaves_no_process_and_resumes_to_the_same_bits(tmp_path: Path):
    code, text = sweep(tmp_path / "uninterrupted", *JOBS)
    assert code == 0, text

    folder = tmp_path / "sweep"
    process = start(folder, *JOBS, gate(folder), environment={MARK: str(folder)})
    wait_for(process, folder, "*/metrics.csv")
    assert len(processes(folder)) >= 4  # the sweep, its server, and two of a job
    process.send_signal(signal.SIGINT)
    code, text = finish(process)
    assert code == 130, text
    assert "1 interrupted, 1 not started" in text
    assert [result["status"] for result in results(folder).values()] == ["interrupted"]
    assert not processes(folder)

    (folder / "open").touch()
    code, text = sweep(folder, *JOBS, gate(folder))
    assert code == 0, text
    assert weights(folder) == weights(tmp_path / "uninterrupted")
    assert len(weights(folder)) == 2
