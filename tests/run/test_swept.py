"""What varies in a sweep, as a run in its folder finds out."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from cnnlab.run.swept import swept_keys


def record(folder: Path, task: list[str], params: dict[str, Any] | None = None, constant: tuple[str, ...] = ()) -> Path:
    """A sweep's multirun.yaml; the folder of one of its jobs."""
    sweep = {
        "overrides": {"task": task},
        "sweeper": {"params": params},
        "job": {"config": {"override_dirname": {"exclude_keys": list(constant)}}},
    }
    OmegaConf.save(OmegaConf.create({"hydra": sweep, "seed": 0}), folder / "multirun.yaml")
    return folder / "job"


def test_only_what_varies_is_a_column_and_the_seed_is_the_last(tmp_path: Path):
    job = record(tmp_path, ["seed=0,1", "model.depth=1,30", "+x.y=1,2", "data=mnist_5k"], constant=("data",))
    found = swept_keys(job, ["seed=1", "model.depth=30", "+x.y=2", "data=mnist_5k"])
    assert list(found) == ["model.depth", "x.y", "seed"]


@pytest.mark.parametrize(
    ("swept", "are_numbers"),
    [
        ("x=1,30", True),
        ("x=0.1,1e-3", True),
        ("x=range(0,1000000000000)", True),
        ("x=interval(0.1,1)", True),
        ("x=null,1", False),
        ("x=true,false", False),
        ("x=adam,sgd", False),
        ("x='1','2'", False),
        ("x=glob(*)", False),
        ("x=1,${seed}", False),
    ],
)
def test_a_column_is_one_of_numbers_if_all_values_of_the_sweep_are(tmp_path: Path, swept: str, are_numbers: bool):
    assert swept_keys(record(tmp_path, [swept]), ["x=1"]) == {"x": are_numbers}


def test_a_ready_made_sweep_has_the_columns_of_its_file_unless_they_are_typed(tmp_path: Path):
    params = {"optimizer": "adam,sgd", "seed": "range(0,10)", "x": "1,2"}
    job = record(tmp_path, ["sweep=optimizers", "x=a,b"], params, ("sweep",))
    overrides = ["optimizer=adam", "seed=3", "x=a", "sweep=optimizers"]
    assert swept_keys(job, overrides) == {"optimizer": False, "x": False, "seed": True}


def test_a_trial_of_a_search_has_the_columns_that_are_in_its_name(tmp_path: Path):
    own = ["+callbacks.pruning._target_=x", "+callbacks.pruning.trial=3"]
    searched = ["optimizer.lr=0.2", "optimizer=adam", "model.depth=3"]
    trial = tmp_path / f"0003,{','.join(sorted(searched))}"
    found = swept_keys(trial, ["trainer.max_epochs=2", *searched, *own, "seed=0"])
    assert found == {"optimizer.lr": True, "optimizer": False, "model.depth": True}
    assert swept_keys(tmp_path / "0003,x-12345678", searched) == {}  # a name with a hash


def test_what_a_resume_adds_to_a_job_is_no_column(tmp_path: Path):
    job = record(tmp_path, ["seed=0,1"])
    assert swept_keys(job, ["seed=1", f"resume={job}", "console=lines", "logger.tensorboard.flush_secs=1"]) == {
        "seed": True
    }


@pytest.mark.parametrize(
    "content", [None, "", "[]", "hydra: {}", "hydra: {job: 1}", "a: [", "hydra: {overrides: {task: ['=']}}", "\x00"]
)
def test_a_run_in_no_sweep_or_beside_a_damaged_record_varies_nothing(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "multirun.yaml").write_text(content)
    assert swept_keys(tmp_path / "job", ["seed=1"]) == {}
