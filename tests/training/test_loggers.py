import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnlab.errors import UserError
from cnnlab.run.execution import run
from cnnlab.training.loggers import build_loggers, close_loggers
from cnnlab.training.run_logger import RunLogger
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=4", "trainer.log_every_n_steps=1")


class Recorder(Logger):
    """Records what it is given, in a class attribute, since build_loggers makes it."""

    calls: list[tuple[str, Any]] = []  # noqa: RUF012
    fails_at: str | None = None
    name, version = "recorder", "0"

    def __init__(self, save_dir: str, **settings: Any) -> None:
        self.record("init", {"save_dir": save_dir, **settings})

    def record(self, name: str, value: Any) -> None:
        self.calls.append((name, value))
        if name == self.fails_at:
            raise ConnectionError("no answer")

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.record("metrics", (step, dict(metrics)))

    def log_hyperparams(self, params: Any) -> None:
        self.record("hyperparameters", params)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self.record("checkpoint", checkpoint_callback)

    def finalize(self, status: str) -> None:
        self.record("finalize", status)

    @classmethod
    def of(cls, name: str) -> list[Any]:
        return [value for called, value in cls.calls if called == name]


RECORDER = f"+logger.mine._target_={__name__}.Recorder"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "calls", [])


def test_every_logger_gets_the_metrics_and_choices(compose_run, tmp_path: Path):
    csv = "+logger.csv._target_=lightning.pytorch.loggers.CSVLogger"
    run(compose_run(*SHORT, csv, RECORDER, "callbacks=default"))
    (choices,) = Recorder.of("hyperparameters")
    assert (choices["optimizer"], choices["data"], choices["optimizer.lr"]) == ("momentum", "mnist_5k", 0.01)
    assert Recorder.of("init") == [{"save_dir": str(tmp_path / "run")}]
    steps = [step for step, metrics in Recorder.of("metrics") if "train/loss_step" in metrics]
    assert steps == list(range(8))
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert [point.step for point in events.Scalars("train/loss_step")] == steps
    assert set(events.Tags()["images"]) == {f"~pictures/{n}" for n in ("confusion_matrix", "mistakes", "first_layer")}
    (table,) = (tmp_path / "run" / "lightning_logs" / "version_0").glob("metrics.csv")
    assert "test/acc" in table.read_text()
    assert "optimizer: momentum" in table.with_name("hparams.yaml").read_text()


def test_a_logger_is_finalized_once_with_the_runs_status(compose_run):
    run(compose_run(*SHORT, "logger=none", RECORDER, "callbacks=light"))
    assert Recorder.of("finalize") == ["success"]
    assert Recorder.calls[-1][0] == "finalize"


def test_log_model_sees_the_checkpoints_as_lightnings(compose_run, tmp_path: Path):
    run(compose_run(*SHORT, "select=best", "logger=none", RECORDER, "callbacks=light"))
    first, last = Recorder.of("checkpoint")
    assert first is last
    folder = tmp_path / "run" / "checkpoints"
    assert (last.last_model_path, last.best_model_path) == (str(folder / "last.ckpt"), str(folder / "best.ckpt"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert last.best_model_score == result["metrics"]["val/acc"] >= last.current_score
    assert (last.monitor, last.mode, last.save_top_k) == ("val/acc", "max", 1)


@pytest.mark.parametrize("fails_at", ["metrics", "checkpoint", "finalize"])
def test_a_logger_that_fails_does_not_change_the_result(
    compose_run, tmp_path: Path, monkeypatch, caplog, fails_at: str
):
    monkeypatch.setattr(Recorder, "fails_at", fails_at)
    run(compose_run(*SHORT, RECORDER, "callbacks=light"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert (result["status"], result["error"]) == ("completed", None)
    assert len(Recorder.of(fails_at)) == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line for line in warnings if "ConnectionError: no answer" in line and line.startswith("logger.mine: ")]
    assert EventAccumulator(str(tmp_path / "run")).Reload().Scalars("~result/test/acc")


def test_a_logger_that_cannot_start_is_the_users_mistake_and_the_others_are_closed(
    compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Recorder, "fails_at", "init")
    other = "+logger.csv._target_=lightning.pytorch.loggers.CSVLogger"
    closed = []
    monkeypatch.setattr(CSVLogger, "finalize", lambda self, status: closed.append(status))
    with pytest.raises(UserError, match=r"^logger\.mine: no answer$"):
        build_loggers(compose_run("logger=none", other, RECORDER), tmp_path)
    assert closed == ["failed"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+logger.x._target_=torch.nn.ReLU", r"logger\.x\._target_=torch\.nn\.ReLU is not a Lightning logger"),
        (
            "+logger.x._target_=nothing.Nothing",
            r"logger\.x\._target_=nothing\.Nothing is not allowed: ",
        ),
        ("+logger.x={_target_: lightning.pytorch.loggers.CSVLogger, no: 1}", "logger.x: .* keyword argument 'no'"),
    ],
)
def test_what_is_no_logger_is_one_line(compose_run, tmp_path: Path, override: str, message: str):
    with pytest.raises(UserError, match=message):
        build_loggers(compose_run(override), tmp_path)


def test_nested_values_arrive_as_plain_ones(compose_run, tmp_path: Path):
    nested = "save_dir: elsewhere, tags: {a: {b: [1], seed: '${seed}'}}, names: [c], nothing: null"
    build_loggers(compose_run(RECORDER, f"++logger.mine={{{nested}, other: {{_target_: torch.nn.ReLU}}}}"), tmp_path)
    (given,) = Recorder.of("init")
    assert isinstance(given.pop("other"), torch.nn.ReLU)
    assert given == {"save_dir": "elsewhere", "tags": {"a": {"b": [1], "seed": 0}}, "names": ["c"]}
    assert (type(given["tags"]), type(given["tags"]["a"]), type(given["names"])) == (dict, dict, list)


def test_a_fast_dev_run_logs_nothing(compose_run, tmp_path: Path):
    assert build_loggers(compose_run("trainer.fast_dev_run=true", RECORDER), tmp_path) == []


def test_a_users_callback_sees_lightnings_own_class(compose_run, tmp_path: Path):
    (_, logger) = build_loggers(compose_run("+logger.csv._target_=lightning.pytorch.loggers.CSVLogger"), tmp_path)
    assert isinstance(logger, CSVLogger)
    assert isinstance(logger, RunLogger)
    assert type(logger).__name__ == "CSVLogger"


@pytest.mark.parametrize(
    "content",
    ['{"mine": "../../etc"}', '{"mine": "a b"}', '{"mine": ["a"]}', '{"mine": {"_target_": "os.system"}}', '["a"]',
     '{"mine": ""}', "{", "[" * 200_000, '{"mine": "' + 200 * "a" + '"}'],
)  # fmt: skip
def test_an_id_in_a_folder_of_somebody_else_is_a_plain_id_or_ignored(
    compose_run, tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(RunLogger, "open", lambda self, run: seen.append(run.earlier_id))
    (tmp_path / "loggers.json").write_text(content)
    close_loggers(build_loggers(compose_run("logger=none", RECORDER), tmp_path, first_step=0), "completed")
    (tmp_path / "loggers.json").write_text('{"mine": "a-1_b"}')
    close_loggers(build_loggers(compose_run("logger=none", RECORDER), tmp_path, first_step=0), "completed")
    close_loggers(build_loggers(compose_run("logger=none", RECORDER), tmp_path), "completed")  # a new run
    assert seen == [None, "a-1_b", None]
