"""What is rejected before a sweep makes a file."""

import os
from pathlib import Path

import pytest
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from cnnlab.cli.preflight import Preflight
from cnnlab.errors import HydraBypass
from cnnlab.experiment.composed import without_hydra
from tests.cli.conftest import Typed
from tests.conftest import SMALL
from tests.experiment.configs import composed, hydra_loader
from tests.processes import start


def test_a_dry_run_is_refused_where_the_launcher_would_run_the_jobs(tmp_path: Path):
    sweep = ("-m", *SMALL, "hydra/launcher=basic", "seed=0,1", "sweep.dry_run=true")
    code, text = start(tmp_path / "log", *sweep, f"hydra.sweep.dir={tmp_path / 'sweep'}").wait()
    assert (code, text.count("\n")) == (2, 1), text
    assert text.startswith("error: sweep.dry_run=true needs hydra/launcher=local")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize("typed", ["sweep.tune=lr", "tuning.num_trials=3", "report.margin=0.1", "sweep.dry_run=true"])
def test_a_sweeps_setting_is_refused_for_a_single_run(tmp_path: Path, typed: str):
    folder = tmp_path / "run"
    with hydra_loader(), pytest.raises(HydraBypass) as refused:
        Preflight().on_run_start(composed(typed, f"hydra.run.dir={folder}"))
    assert str(refused.value.__cause__) == f"{typed} has no effect on a single run; put -m first, or leave it out"


@pytest.mark.parametrize("rank", [None, "1"])
def test_a_run_says_which_values_of_its_experiment_it_does_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: str | None
):
    if rank is not None:
        monkeypatch.setenv("CNNLAB_FIRST_PROCESS", str(os.getppid()))
        monkeypatch.setenv("LOCAL_RANK", rank)  # a worker of a distributed run needs the same config, and is silent
    with hydra_loader():
        config = composed("experiment=accurate", "optimizer=adadelta", f"hydra.run.dir={tmp_path / 'run'}")
        Preflight().on_run_start(config)
    assert config.optimizer.lr == 1.0
    line = "experiment=accurate: optimizer.lr=0.01 is for optimizer=muon, and not used with optimizer=adadelta\n"
    assert capsys.readouterr().err == (line if rank is None else "")


def test_a_run_that_was_recorded_with_such_values_is_resumed_with_them(tmp_path: Path):
    with hydra_loader():
        config = composed(
            "experiment=accurate", "optimizer=adadelta", f"resume={tmp_path}", f"hydra.run.dir={tmp_path}"
        )
        (tmp_path / ".hydra").mkdir()
        OmegaConf.save(without_hydra(config), tmp_path / ".hydra" / "config.yaml")
        Preflight().on_run_start(config)
    assert config.optimizer.lr == 0.01


def test_a_sweeps_values_may_refer_to_swept_options_and_to_hydras(tmp_path: Path):
    typed = ["augmentation=affine,shift", "optimizer.weight_decay=${augmentation.scale}", "seed=${hydra:job.num}"]
    more = ["sweep.name=${hydra:runtime.choices.model}-study", "hydra.mode=MULTIRUN"]
    with hydra_loader() as loader:
        config = loader.load_configuration("train", [*typed, *more], RunMode.MULTIRUN)
        Preflight().on_multirun_start(config)
        assert config.hydra.sweep.dir == "outputs/sweeps/lecture-study"


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
def test_a_tilde_in_a_config_file_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    with hydra_loader():
        config = composed(f"{key}='~/here'", "sweep.name=mine")
        check = Preflight().on_run_start if key == "hydra.run.dir" else Preflight().on_multirun_start
        check(config)
    assert OmegaConf.select(config, key) == str(tmp_path / "home" / "here")
    assert not (tmp_path / "~").exists()


def test_a_gpu_that_is_missing_is_refused_before_the_folder_is_made(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    code, text = typed("trainer=gpu", "hydra.run.dir=run")
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith("error: trainer.accelerator=cuda needs a GPU, and torch finds none")
    assert not (tmp_path / "run").exists()


def test_a_launchers_variables_make_no_worker_of_a_run(
    typed: Typed, tmp_path: Path, composed: list[DictConfig], monkeypatch: pytest.MonkeyPatch
):
    """A worker would leave out the checks, and take the folder of the process that started it."""
    for name, value in {"LOCAL_RANK": "1", "RANK": "1", "CNNLAB_FIRST_PROCESS": "1"}.items():
        monkeypatch.setenv(name, value)
    assert typed("seed=-1", "hydra.run.dir=run")[0] == 2
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert typed("resume=nowhere")[1].startswith("error: resume=nowhere: no run there")
