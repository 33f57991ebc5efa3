"""With the real MLflow where it is installed, else with a fake of what is used of it."""

import importlib.util
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from cnnlab.errors import Diverged, UserError
from cnnlab.run.execution import run
from cnnlab.training.loggers import build_loggers, close_loggers
from tests.conftest import SMALL
from tests.training import fake_mlflow

HAS_MLFLOW = importlib.util.find_spec("mlflow") is not None
SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "trainer.log_every_n_steps=1")


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if not HAS_MLFLOW:
        fake_mlflow.install(monkeypatch)
    return f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"


@pytest.fixture
def compose_mlflow(compose_run, uri: str):
    return lambda *overrides: compose_run("logger=mlflow", f"logger.mlflow.tracking_uri={uri}", *overrides)


def client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def only_run(uri: str, experiment: str = "cnnlab") -> Any:
    (found,) = client(uri).search_runs([client(uri).get_experiment_by_name(experiment).experiment_id])
    return found


def artifacts(uri: str, run_id: str, folder: str | None = None) -> Iterator[str]:
    for item in client(uri).list_artifacts(run_id, folder):
        yield from artifacts(uri, run_id, item.path) if item.is_dir else [item.path]


@pytest.mark.slow
def test_mlflow_gets_the_name_choices_metrics_pictures_files_and_status(compose_mlflow, uri: str, capsys):
    run(compose_mlflow(*SHORT, "logger=[tensorboard,mlflow]", "logger.mlflow.log_model=true"))
    found = only_run(uri)
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.tags["cnnlab.status"] == "completed"
    assert found.data.params["optimizer"] == "momentum"
    assert set(found.data.metrics) >= {"train/loss_step", "val/acc", "test/acc"}
    assert set(artifacts(uri, found.info.run_id)) >= {
        "metrics.csv", "result.json", "last/last.ckpt",
        *(f"pictures/{name}.png" for name in ("confusion_matrix", "mistakes", "first_layer")),
    }  # fmt: skip
    assert f"look        mlflow ui --backend-store-uri {uri}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "expected"),
    [("completed", "FINISHED"), ("failed", "FAILED"), ("diverged", "FAILED"), ("interrupted", "KILLED"),
     ("pruned", "KILLED")],
)  # fmt: skip
def test_mlflows_status_is_the_runs(compose_mlflow, uri: str, tmp_path: Path, status: str, expected: str):
    loggers = build_loggers(compose_mlflow(), tmp_path)
    loggers[0].finalize("success")  # Lightning, after the fit
    assert only_run(uri).info.status == "RUNNING"
    close_loggers(loggers, status)
    assert only_run(uri).info.status == expected
    assert only_run(uri).data.tags["cnnlab.status"] == status


def test_a_diverged_run_has_its_choices_and_its_status(compose_mlflow, uri: str):
    with pytest.raises(Diverged):
        run(compose_mlflow(*SHORT, "optimizer.lr=1e12", "callbacks=light"))
    found = only_run(uri)
    assert (found.info.status, found.data.tags["cnnlab.status"]) == ("FAILED", "diverged")
    assert found.data.params["optimizer"] == "momentum"


def test_a_resumed_run_continues_and_logs_nothing_twice(compose_mlflow, uri: str, tmp_path: Path):
    (killed,) = build_loggers(compose_mlflow(), tmp_path)
    for step in range(3):
        killed.log_metrics({"loss": float(step)}, step)
    first = only_run(uri).info.run_id
    assert json.loads((tmp_path / "loggers.json").read_text()) == {"mlflow": first}
    resumed = build_loggers(compose_mlflow(), tmp_path, first_step=1)
    for step in range(1, 5):
        resumed[0].log_metrics({"loss": float(step), "acc": 0.5}, step)
    assert only_run(uri).info.status == "RUNNING"
    close_loggers(resumed, "completed")
    found = only_run(uri)
    assert (found.info.run_id, found.info.status) == (first, "FINISHED")
    assert [point.step for point in client(uri).get_metric_history(first, "loss")] == [0, 1, 2, 3, 4]
    assert [point.step for point in client(uri).get_metric_history(first, "acc")] == [1, 2, 3, 4]


def test_a_run_that_is_gone_is_replaced_with_a_warning(compose_mlflow, uri: str, tmp_path: Path, caplog):
    (tmp_path / "loggers.json").write_text(json.dumps({"mlflow": "0123456789abcdef"}))
    close_loggers(build_loggers(compose_mlflow(), tmp_path, first_step=0), "completed")
    assert "MLflow's run 0123456789abcdef cannot be continued" in caplog.text
    assert only_run(uri).info.status == "FINISHED"


def test_the_experiment_is_the_sweep(compose_mlflow, uri: str, tmp_path: Path):
    folder, log = tmp_path / "optimizers" / "seed=1", tmp_path / "optimizers" / "logs" / "seed=1.log"
    for path in (folder, log.parent):
        path.mkdir(parents=True)
    log.touch()
    close_loggers(build_loggers(compose_mlflow(), folder), "completed")
    assert only_run(uri, "optimizers").info.run_name == "seed=1"
    close_loggers(build_loggers(compose_mlflow("sweep.name=mine"), folder), "completed")
    assert only_run(uri, "mine").info.run_name == "seed=1"


def test_names_can_be_given(compose_mlflow, uri: str, tmp_path: Path):
    names = ("logger.mlflow.run_name=r", "logger.mlflow.experiment_name=e", "+logger.mlflow.tags={a: b}")
    close_loggers(build_loggers(compose_mlflow(*names), tmp_path), "completed")
    assert (only_run(uri, "e").info.run_name, only_run(uri, "e").data.tags["a"]) == ("r", "b")


def test_an_unreachable_server_is_one_line_before_the_fit(compose_run, tmp_path: Path, monkeypatch):
    requests = pytest.importorskip("requests")
    monkeypatch.setattr(requests, "get", unreachable)
    fake_mlflow.install(monkeypatch)
    with pytest.raises(UserError) as error:
        build_loggers(compose_run("logger=mlflow", "logger.mlflow.tracking_uri=http://127.0.0.1:9"), tmp_path)
    assert str(error.value).startswith(
        "logger.mlflow: tracking_uri=http://127.0.0.1:9 does not answer (ConnectionError); start the server, such as "
    )


def unreachable(*args: Any, **kwargs: Any) -> None:
    import requests

    raise requests.ConnectionError


def test_a_server_that_is_lost_in_the_middle_costs_the_run_nothing(compose_mlflow, uri: str, tmp_path: Path, caplog):
    (logger,) = build_loggers(compose_mlflow(), tmp_path)
    calls = []

    def broken(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        raise ConnectionError("the server is gone")

    client_in_use = logger.experiment
    client_in_use.log_batch = broken
    for step in range(3):
        logger.log_metrics({"loss": 1.0}, step)
    logger.log_picture("picture", None, 0)
    close_loggers([logger], "completed")
    assert len(calls) == 1
    assert caplog.text.count("the run continues without the logger (ConnectionError: the server is gone)") == 1
    assert only_run(uri).info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.skipif(not HAS_MLFLOW, reason="needs MLflow: pip install -e .[mlflow]")
def test_runs_that_start_together_create_a_new_database_once(compose_mlflow, uri: str, tmp_path: Path):
    configs = [(compose_mlflow(), tmp_path / f"run{index}") for index in range(4)]
    for _, folder in configs:
        folder.mkdir()
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.starmap(start, configs) == ["completed"] * 4
    assert len(client(uri).search_runs([client(uri).get_experiment_by_name("cnnlab").experiment_id])) == 4


def start(config: DictConfig, folder: Path) -> str:
    close_loggers(build_loggers(config, folder), "completed")
    return "completed"
