"""W&B offline, with the real package; a resumed run's id is proved without it in test_loggers.py."""

import json
import time
from pathlib import Path

import pytest

from cnnlab.run.execution import run
from cnnlab.training.loggers import build_loggers, close_loggers
from cnnlab.training.run_logger import LoggedRun
from cnnlab.training.wandb import RunWandb
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "trainer.log_every_n_steps=1")


def test_a_run_gets_names_and_an_id_of_its_own_and_a_resumed_run_its_earlier_id(tmp_path: Path):
    new = RunWandb.defaults(LoggedRun(tmp_path / "run", sweep="optimizers"), {})
    assert (new["name"], new["group"], new["save_dir"]) == ("run", "optimizers", str(tmp_path / "run"))
    assert len(new["id"]) == 8
    assert RunWandb.defaults(LoggedRun(tmp_path), {})["id"] != new["id"]
    assert RunWandb.defaults(LoggedRun(tmp_path, first_step=3, earlier_id="abc"), {})["id"] == "abc"
    assert RunWandb.defaults(LoggedRun(tmp_path), {"dir": "elsewhere"})["save_dir"] is None
    assert "id" not in RunWandb.defaults(LoggedRun(tmp_path), {"version": "v"})


@pytest.mark.slow
def test_a_resumed_run_has_its_pictures_files_and_id(compose_run, tmp_path: Path, monkeypatch, capsys):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    close_loggers(build_loggers(compose_run("logger=wandb"), tmp_path / "run"), "interrupted")
    run_id = json.loads((tmp_path / "run" / "loggers.json").read_text())["wandb"]
    folder = tmp_path / "run"
    time.sleep(1)  # W&B names its folders by the second
    run(compose_run(*SHORT, "logger=[tensorboard,wandb]", f"resume={folder}", "logger.wandb.log_model=all"))
    runs = sorted((folder / "wandb").glob(f"offline-run-*-{run_id}"))
    assert len(runs) == len(list((folder / "wandb").glob("offline-run-*"))) == 2
    names = {path.name.partition("_")[0] for path in (runs[1] / "files" / "media" / "images").iterdir()}
    assert names == {"confusion", "mistakes", "first"}
    result = json.loads((runs[1] / "files" / "result.json").read_text())
    assert result["status"] == "completed"
    assert (runs[1] / "files" / "metrics.csv").read_bytes() == (folder / "metrics.csv").read_bytes()
    assert f"look        wandb sync {runs[1]}\n" in capsys.readouterr().out
