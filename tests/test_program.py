from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from cnnlab.cli.main import with_absolute_paths
from cnnlab.program import as_typed_path, install_command, program, repository_script
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        ("train.py", "python train.py"),
        ("/my code/train.py", "python '/my code/train.py'"),
        ("/usr/bin/cnnlab", "cnnlab"),
        ("/lib/ipykernel_launcher.py", "cnnlab"),
    ],
)
def test_a_hint_names_the_program_that_was_started(monkeypatch: pytest.MonkeyPatch, started: str, typed: str):
    monkeypatch.setattr("sys.argv", [started, "seed=1"])
    assert program() == program(started) == typed


def test_a_script_is_named_as_it_is_typed_here_and_only_where_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(REPOSITORY)
    assert repository_script("scripts/report.py") == ("python scripts/report.py",)
    monkeypatch.chdir(tmp_path)
    assert repository_script("scripts/report.py") == (f"python {REPOSITORY / 'scripts' / 'report.py'}",)
    assert repository_script("scripts/absent.py") == ()  # as in a wheel


def test_paths_are_those_of_the_folder_in_which_the_command_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also in a run with hydra.job.chdir=true, whose working directory is its own folder."""
    run = tmp_path / "outputs" / "run"
    run.mkdir(parents=True)
    monkeypatch.chdir(run)
    hydra = {"runtime": {"cwd": str(tmp_path)}, "job": {"chdir": True}}
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create({"hydra": hydra}))
    assert as_typed_path(run) == "outputs/run"
    config = OmegaConf.create({"data": {"root": "data", "files": {"folder": "${data.root}/MNIST/raw"}}})
    assert with_absolute_paths(config).data.files.folder == str(tmp_path / "data" / "MNIST" / "raw")
    config.data.root = "~/data"
    assert with_absolute_paths(config).data.root == "~/data"


def test_what_an_extra_needs_is_installed_by_name_wherever_cnnlab_is():
    assert install_command("mlflow") == "pip install mlflow"
    assert install_command("optuna").startswith("pip install ")
    assert {word.strip("'").partition(">")[0] for word in install_command("optuna").split()[2:]} == {"optuna", "cmaes"}
