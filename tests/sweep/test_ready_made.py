"""`sweep=…`, from the command line."""

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.processes import start

OPTIONS = {
    group: len(list((REPOSITORY / "conf" / group).glob("*.yaml"))) for group in ("optimizer", "activation", "init")
}
JOBS = {
    "optimizers": OPTIONS["optimizer"] * 10,
    "tuned_optimizers": OPTIONS["optimizer"] * 10,
    "activations": OPTIONS["activation"] * 10,
    "inits": OPTIONS["init"] * 10,
    "pooling": 2 * 10,
    "losses": 2 * 10,
    "calibration": 4 * 10,
    "lr_sensitivity": OPTIONS["optimizer"] * 9 * 3,
    "grid": 4 * 3 * 4 * 3,
    "lecture_activation": 4 * 4 * 4,
    **dict.fromkeys(("lecture_classical", "lecture_classical_2000", "lecture_classical_500"), 3 * 4),
    "lecture_fully_connected": 2 * 2 * 4,
    "lecture_fully_connected_mlp": 2 * 2 * 4,
    "lecture_init": 3 * 2 * 2 * 5,
    "lecture_loss": 2 * 5,
    "lecture_loss_fast": 2 * 5,
    "lecture_optimizer": 7 * 5,
    "lecture_pool": 3 * 5,
    "lecture_result": 4,
}
TRIALS = {  # of the rates of two options, and of the random settings of many; the others tune in the same two ways
    "tuned_optimizers": OPTIONS["optimizer"] * 20,
    "pooling": 2 * 7 * 3,
}


def test_each_is_known():
    assert {path.stem for path in (REPOSITORY / "conf" / "sweep").glob("*.yaml")} == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_it_says_how_many_jobs_there_are_and_how_long_they_take_and_writes_nothing(tmp_path: Path, name: str):
    folder = tmp_path / "sweep"
    typed = ("sweep.tune=false", "sweep.dry_run=true", f"hydra.sweep.dir={folder}")
    code, text = start(tmp_path / "output", f"sweep={name}", *typed).wait()
    head, estimate, *listed = text.splitlines()
    assert (code, head.partition(",")[0]) == (0, f"{folder}: {JOBS[name]} jobs")
    assert estimate.startswith("about ")
    assert len(set(listed)) == JOBS[name]
    assert not folder.exists()


@pytest.mark.parametrize("name", TRIALS)
def test_one_that_tunes_says_beforehand_what_both_stages_cost_and_writes_nothing(tmp_path: Path, name: str):
    folder = tmp_path / "sweep"
    code, text = start(tmp_path / "output", f"sweep={name}", "sweep.dry_run=true", f"hydra.sweep.dir={folder}").wait()
    cost, head, estimate, *listed = text.splitlines()
    method, num, seeds = ("random", 20, 1) if name == "tuned_optimizers" else ("lr", 7, 3)
    assert cost.startswith(
        f"sweep.tune={method}: runs on validation data: {TRIALS[name]} "
        f"(configurations: {TRIALS[name] // num // seeds}, trials of each: {num}, seeds: {seeds}), "
        f"then jobs with the best values: {JOBS[name]}; in all about "
    )
    assert (code, head.partition(",")[0]) == (0, f"{folder / 'tuning'}: {TRIALS[name]} jobs")
    assert estimate.startswith("about ")
    assert len(set(listed)) == TRIALS[name]
    assert all("seed=100" in line for line in listed)
    assert not folder.exists()


def test_what_is_typed_replaces_what_is_swept(tmp_path: Path):
    typed = ("optimizer=adam,sgd", "seed=7", "sweep.tune=false", f"hydra.sweep.dir={tmp_path}")
    _, text = start(tmp_path / "output", "sweep=optimizers", "sweep.dry_run=true", *typed).wait()
    assert text.splitlines()[2:] == ["  optimizer=adam: new", "  optimizer=sgd: new"]


def test_a_folder_that_exists_is_refused_if_it_is_not_to_be_resumed(tmp_path: Path):
    folder = tmp_path / "sweep"
    folder.mkdir()
    code, text = start(tmp_path / "output", "sweep=pooling", "sweep.resume=false", f"hydra.sweep.dir={folder}").wait()
    assert (code, text) == (
        2,
        f"error: {folder} exists, and sweep.resume=false; choose another sweep.name, or remove it\n",
    )
    assert not list(folder.iterdir())
