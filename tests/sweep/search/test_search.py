"""`hydra/sweeper=optuna` in real processes."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from tests import processes
from tests.conftest import REPOSITORY
from tests.processes import unmeasured
from tests.sweep.sweeps import SHORT, finish, gate, results, start, sweep, wait_for

OPTUNA = ("hydra/sweeper=optuna", "trainer.limit_train_batches=4", "trainer.max_epochs=1")
RATE = "optimizer.lr=tag(log,interval(1e-3,1))"
FAULT = "+callbacks.fault._target_=tests.sweep.faults.Fault"


def trials(folder: Path, name: str = "optimizer.lr") -> list[FrozenTrial]:
    """The trials of the study in a sweep's folder."""
    storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    return optuna.load_study(study_name=name, storage=storage).trials


def states(folder: Path, name: str = "optimizer.lr") -> list[str]:
    return [trial.state.name for trial in trials(folder, name)]


def search(folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs a search to its end."""
    return sweep(folder, *OPTUNA, *arguments)


@pytest.mark.slow
def test_a_killed_search_resumes_to_its_number_of_trials(tmp_path: Path):
    arguments = (RATE, "hydra.sweeper.n_trials=6")
    process = start(tmp_path, *OPTUNA, *arguments)
    while len(list(tmp_path.glob("*/result.json"))) < 2:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert len(trials(tmp_path)) < 6

    code, text = search(tmp_path, *arguments)
    assert code == 0, text
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * 6
    for trial, (job, result) in zip(found, sorted(results(tmp_path).items()), strict=True):
        assert job == f"{trial.number:04},optimizer.lr={trial.params['optimizer.lr']}"
        assert result["params"]["optimizer.lr"] == trial.params["optimizer.lr"]
        assert result["metrics"]["val/acc"] == trial.value

    code, text = search(tmp_path, *arguments[:-1], "hydra.sweeper.n_trials=8")
    assert (code, len(trials(tmp_path))) == (0, 8), text
    assert "6 done before" in text
    assert len({trial.params["optimizer.lr"] for trial in trials(tmp_path)}) == 8  # none is drawn again

    for change in ("loss=mse", "optimizer.lr=interval(0.1,1)", "optimizer=sgd,adam"):
        code, text = search(tmp_path, *arguments, change, "sweep.name=optimizer.lr")
        assert code == 2, text
        assert "would not be comparable" in text
        assert text.count("\n") == 1, text
    assert "has another search space for optimizer" in text


@pytest.mark.slow
def test_an_interrupted_trial_resumes_in_a_folder_that_was_moved_and_with_another_pruner(tmp_path: Path):
    folder, moved = tmp_path / "here", tmp_path / "there"
    arguments = (RATE, "hydra.sweeper.n_trials=2", "hydra/sweeper/pruner=median", "sweep.name='2026'")
    process = start(folder, *OPTUNA, *arguments, gate(moved), "trainer.max_epochs=2", "hydra.launcher.n_jobs=1")
    wait_for(process, folder, "*/metrics.csv")
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    assert states(folder, "2026") == ["RUNNING"]
    folder.rename(moved)
    (moved / "open").touch()
    code, text = search(moved, *arguments, gate(moved), "trainer.max_epochs=2", "hydra.sweeper.pruner.n_warmup_steps=1")
    assert code == 0, text
    assert states(moved, "2026") == ["COMPLETE", "COMPLETE"]
    assert len(results(moved)) == 2


@pytest.mark.slow
def test_the_best_trial_is_an_experiment_with_its_own_weights(tmp_path: Path):
    folder = tmp_path / "sweep"
    space = (RATE, "optimizer=sgd,adam", "hydra.sweeper.n_trials=4", "hydra/sweeper/sampler=random")
    code, text = search(folder, *space, "seed=5")
    assert code == 0, text
    best = max(results(folder).values(), key=lambda result: result["metrics"]["val/acc"])
    command = [sys.executable, "train.py", "--config-dir", str(folder), "experiment=best_trial"]
    run = tmp_path / "run"
    subprocess.run([*command, f"hydra.run.dir={run}"], cwd=REPOSITORY, env=unmeasured(), check=True)
    assert json.loads((run / "result.json").read_text())["weights_sha256"] == best["weights_sha256"]
    assert f"val/acc {best['metrics']['val/acc']:.6g}" in text
    for name in ("history.png", "importances.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", "successive_halving", "hyperband"])
def test_a_pruned_run_says_so_and_has_its_curve(tmp_path: Path, pruner: str):
    rates = "optimizer.lr=" + ",".join(["0.1", "0.05", "0.2"] + [f"1e-9{digit}" for digit in range(3)])
    few = ["hydra.sweeper.pruner.n_startup_trials=2"] if pruner == "median" else []
    process = start(  # with its own server, which knows of the search
        *(tmp_path, *OPTUNA, rates, f"hydra/sweeper/pruner={pruner}", "hydra/sweeper/sampler=grid", *few),
        *("hydra.launcher.n_jobs=1", "trainer.max_epochs=4"),
    )
    code, text = finish(process)
    assert code == 0, text
    found = trials(tmp_path)
    assert {trial.state for trial in found} == {TrialState.COMPLETE, TrialState.PRUNED}, text
    of_jobs = results(tmp_path)
    assert len(of_jobs) == len(found) == 6
    for trial in found:
        (job,) = [job for job in of_jobs if job.startswith(f"{trial.number:04},")]
        with (tmp_path / job / "metrics.csv").open() as file:
            curve = {int(row["epoch"]): float(row["val/acc"]) for row in csv.DictReader(file)}
        assert curve == trial.intermediate_values
        result = of_jobs[job]
        assert result["epochs"] == len(curve)
        if trial.state is TrialState.PRUNED:
            assert len(curve) < 4
            assert result["status"] == "pruned"
            assert result["error"].startswith(f"after epoch {len(curve)}, by ")
            assert result["metrics"]["test/acc"] is None
        else:
            assert (len(curve), result["status"]) == (4, "completed")


@pytest.mark.slow
def test_trials_that_fail_or_diverge_are_recorded_and_the_others_run(tmp_path: Path):
    how = "+callbacks.fault.how"
    faults = f"{how}=none,raise,exit,diverge,kill"
    code, text = search(tmp_path, "trainer.max_epochs=2", FAULT, faults, "hydra/sweeper/sampler=grid")
    assert code == 1, text
    name = how.removeprefix("+")
    found = {trial.params[name]: trial for trial in trials(tmp_path, name)}
    assert {how: trial.state.name for how, trial in found.items()} == {
        "none": "COMPLETE",
        "raise": "FAIL",
        "exit": "FAIL",
        "diverge": "FAIL",
        "kill": "FAIL",
    }
    assert found["raise"].user_attrs["reason"] == "failed: RuntimeError: a bug of the user's in two lines"
    assert found["diverge"].user_attrs["reason"].startswith("diverged: ")
    assert "the best of 1 completed trials" in text


@pytest.mark.slow
def test_time_to_a_target_in_a_database(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/study.db"
    code, text = search(
        *(tmp_path / "sweep", "optimizer.lr=0.1,1e-9", "hydra/sweeper/sampler=grid"),
        *("objective=seconds_to_target", "target=0.15", "trainer.max_epochs=3", "trainer.limit_train_batches=40"),
        *(f"hydra.sweeper.storage={url}", "hydra.sweeper.study_name=fast"),
    )
    assert code == 0, text
    found = {trial.params["optimizer.lr"]: trial for trial in optuna.load_study(study_name="fast", storage=url).trials}
    assert found[1e-9].state is TrialState.PRUNED
    assert found[1e-9].user_attrs["reason"].endswith("the target was not reached")
    quick = next(one for one in results(tmp_path / "sweep").values() if one["params"]["optimizer.lr"] == 0.1)
    assert quick["seconds"]["to_target"] == found[0.1].value
    assert 0 < found[0.1].value <= quick["seconds"]["fit"]  # type: ignore[operator]
    assert not any(str(tmp_path / "study.db") in path.read_text() for path in tmp_path.glob("sweep/*/result.json"))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["gp", "cmaes"])
def test_the_other_samplers(tmp_path: Path, sampler: str):
    code, text = search(
        *(tmp_path, RATE, "model.dropout=interval(0,0.5)", f"hydra/sweeper/sampler={sampler}"),
        *("hydra.sweeper.n_trials=5", "hydra.sweeper.sampler.n_startup_trials=2"),
    )
    assert code == 0, text
    assert states(tmp_path, "optimizer.lr+model.dropout") == ["COMPLETE"] * 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("optimizer=sgd,adm",), "optimizer=adm is not an option"),
        (("seed=1",), "no parameter to search"),
        ((RATE, "hydra.sweeper.n_trials=0"), "n_trials=0 is not allowed; it must be an integer >= 1"),
        ((RATE, "hydra/sweeper/sampler=grid"), "cannot try all values of optimizer.lr"),
        ((RATE, "hydra.sweeper.sampler.n_startup_trials=x"), "rejects an argument"),
        ((RATE, "watch=test"), "needs validation"),
        ((RATE, "objective=test/acc"), "objective=test/acc is not allowed"),
        ((RATE, "objective=seconds_to_target", "hydra/sweeper/pruner=median"), "cannot be pruned"),
        ((RATE, "hydra/launcher=basic"), "needs hydra/launcher=local, slurm or ray"),
        ((RATE, "hydra.sweeper.storage=nosuch://x"), "hydra.sweeper.storage: nosuch"),
        ((RATE, "hydra.sweeper.storage=5"), "hydra.sweeper.storage=5 is not allowed"),
        ((RATE, "hydra.sweeper.study_name=null"), "hydra.sweeper.study_name=null is not allowed"),
        ((RATE, "hydra.sweeper.sampler._target_=optuna.samplers.Nope"), "hydra/sweeper/sampler: "),
        ((RATE, "~model.dropout"), "~model.dropout is not allowed in a search"),
        ((RATE, "objective=val/acc,val/loss"), "objective cannot be searched"),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, arguments: tuple[str, ...], words: str):
    folder = tmp_path / "sweep"
    command = ("-m", *SHORT, f"hydra.sweep.dir={folder}", "hydra/sweeper=optuna", *arguments)
    code, text = processes.start(tmp_path / "output", *command).wait()
    assert code == 2, text
    assert words in text
    assert text.count("\n") == 1, text
    assert not folder.exists()


@pytest.mark.slow
def test_a_dry_run_lists_what_is_searched(tmp_path: Path):
    folder = tmp_path / "sweep"
    code, text = search(folder, RATE, "optimizer=sgd,adam", "sweep.dry_run=true")
    assert code == 0, text
    assert "50 trials" in text
    assert "optimizer.lr: from 0.001 to 1.0, logarithmic" in text
    assert "optimizer: sgd, adam" in text
    assert not folder.exists()
