"""What is rejected before a sweep makes a file."""

from pathlib import Path

import pytest
from omegaconf import DictConfig

from tests.cli.conftest import Typed
from tests.conftest import SMALL
from tests.processes import start


def test_a_dry_run_is_refused_where_the_launcher_would_run_the_jobs(tmp_path: Path):
    sweep = ("-m", *SMALL, "hydra/launcher=basic", "seed=0,1", "sweep.dry_run=true")
    code, text = start(tmp_path / "log", *sweep, f"hydra.sweep.dir={tmp_path / 'sweep'}").wait()
    assert (code, text.count("\n")) == (2, 1), text
    assert text.startswith("error: sweep.dry_run=true needs hydra/launcher=local")
    assert not (tmp_path / "sweep").exists()


def test_a_tilde_in_a_config_file_is_the_home_folder(
    typed: Typed, tmp_path: Path, composed: list[DictConfig], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    text = "# @package _global_\nhydra: {run: {dir: ~/run}}\n"
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(text)
    code, text = typed("--config-dir=own", "experiment=mine")
    assert code == 0, text
    assert composed[0].output_dir == str(tmp_path / "home" / "run")
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
