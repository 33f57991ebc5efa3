"""`train.py -m` with jobs that fail in every way, in real processes."""

from pathlib import Path

import pytest

from tests.sweep.sweeps import results
from tests.sweep.sweeps import sweep as run_sweep

FAULT = "+callbacks.fault._target_=tests.sweep.faults.Fault"
HOW = "+callbacks.fault.how"


def sweep(folder: Path, *arguments: str) -> tuple[int, str]:
    return run_sweep(folder, "trainer.max_epochs=2", "trainer.limit_train_batches=5", *arguments)


@pytest.mark.slow
def test_each_fault_is_recorded_as_what_it_is_and_touches_nothing_else(tmp_path: Path):
    faults = "none,raise,exit,kill,segfault,hang,diverge,disk"
    code, text = sweep(tmp_path, FAULT, f"{HOW}={faults}", "hydra.launcher.timeout_s=20")
    assert code == 1, text
    found = {name.removeprefix(f"{HOW}="): result for name, result in results(tmp_path).items()}
    assert {how: result["status"] for how, result in found.items()} == {
        "none": "completed",
        "raise": "failed",
        "exit": "failed",
        "kill": "killed",
        "segfault": "killed",
        "hang": "killed",
        "diverge": "diverged",
        "disk": "failed",
    }
    assert found["raise"]["error"] == "RuntimeError: a bug of the user's in two lines"
    assert found["exit"]["error"] == "SystemExit: 0"
    assert found["kill"]["error"] == "killed by SIGKILL; out of memory?"
    assert found["segfault"]["error"] == "killed by SIGSEGV"
    assert found["hang"]["error"].startswith("killed after 2")
    assert "8 jobs in " in text
    assert all(part in text for part in ("1 completed", "1 diverged", "3 failed", "3 killed"))
    assert "Traceback" not in text
    assert "a bug of the user's" in (tmp_path / "logs" / f"{HOW}=raise.log").read_text()

    # none of the others can be completed, however long it takes
    again, text = sweep(tmp_path, FAULT, f"{HOW}={faults}", "hydra.launcher.timeout_s=10")
    assert again == 1
    assert "2 done before" in text


@pytest.mark.slow
def test_a_divergence_is_a_failure_for_those_who_want_it(tmp_path: Path):
    assert sweep(tmp_path / "0", FAULT, f"{HOW}=none,diverge")[0] == 0
    for line in ("1 diverged", "2 done before"):  # also if it diverged in an earlier sweep
        code, text = sweep(tmp_path / "1", FAULT, f"{HOW}=none,diverge", "sweep.fail_on_divergence=true")
        assert (code, line in text) == (1, True), text


@pytest.mark.slow
def test_the_first_failure_stops_a_sweep_that_wants_it(tmp_path: Path):
    code, text = sweep(
        tmp_path, FAULT, f"{HOW}=raise,none", "seed=0,1", "sweep.fail_fast=true", "hydra.launcher.n_jobs=1"
    )
    assert code == 1
    assert "3 not started" in text
