"""Builds a run's loggers, and closes them."""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger, MLFlowLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError, one_line
from cnnlab.experiment.loggers import active_loggers
from cnnlab.experiment.targets import instantiate, locate
from cnnlab.files import read_text, write_atomically
from cnnlab.training.mlflow import RunMLflow
from cnnlab.training.run_logger import LoggedRun, RunLogger
from cnnlab.training.wandb import RunWandb

IDS = "loggers.json"  # the run's id in each logger's service
ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
FAILED = "failed"
OURS: dict[type, type[RunLogger]] = {MLFlowLogger: RunMLflow, WandbLogger: RunWandb}


def build_loggers(config: DictConfig, folder: Path, first_step: int | None = None) -> list[RunLogger]:
    """The loggers of a run, connected.

    Args:
        config: A composed config.
        folder: The run folder.
        first_step: For a resumed run, the step from which it continues: points of an earlier process from there on
            are hidden in TensorBoard, and not logged again in MLflow.

    Raises:
        UserError: If a logger cannot be used, after the others are closed.
    """
    if config.trainer.get("fast_dev_run"):
        return []  # Lightning replaces all loggers
    ids = _read_ids(folder) if first_step is not None else {}
    run = LoggedRun(folder, _sweep(config, folder), first_step, watch=config.watch)
    loggers: list[RunLogger] = []
    try:
        for name, settings in active_loggers(config).items():
            with _user_errors(name):
                this_run = replace(run, earlier_id=ids.get(name))
                loggers.append(_build(name, settings, this_run))
                rank_zero_only(loggers[-1].open)(this_run)
        _write_ids(folder, ids, loggers)
    except BaseException:
        close_loggers(loggers, FAILED)
        raise
    return loggers


def close_loggers(loggers: Sequence[RunLogger], status: str, result: str = "", metrics_csv: Path | None = None) -> None:
    """Closes loggers, so that a sweep's next job in this process gets new ones.

    Args:
        loggers: From `build_loggers`.
        status: The run's status.
        result: The text of result.json.
        metrics_csv: The file of metrics.
    """
    for logger in loggers:
        logger.close(status, result, metrics_csv)


class LogChoices(Callback):
    """Logs the run's choices as hyperparameters, once the data set that is really used is known.

    Args:
        choices: The choices by name.
    """

    def __init__(self, choices: dict[str, str | int | float]) -> None:
        self.choices = choices

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs them."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        for logger in trainer.loggers:
            logger.log_hyperparams({**self.choices, "data": data.effective.name})


def _build(name: str, settings: DictConfig, run: LoggedRun) -> RunLogger:
    plain = dict(OmegaConf.to_container(settings, resolve=True))  # type: ignore[arg-type]
    given = {str(key): value for key, value in plain.items() if key != "_target_" and value is not None}
    kind = locate(str(settings._target_), f"logger.{name}")
    if not (isinstance(kind, type) and issubclass(kind, Logger)):
        raise UserError(f"logger.{name}._target_={settings._target_} is not a Lightning logger")
    if not issubclass(kind, RunLogger):
        kind = OURS.get(kind) or type(kind.__name__, (RunLogger, kind), {})
    assert issubclass(kind, RunLogger)
    logger: RunLogger = kind(**{**kind.defaults(run, given), **instantiate(given, f"logger.{name}", _convert_="all")})
    logger.name_in_config = name
    return logger


@contextlib.contextmanager
def _user_errors(name: str) -> Iterator[None]:
    """Turns an error of a logger's constructor or service, most of which are classes of its own, into a UserError."""
    try:
        yield
    except Exception as error:
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        text = one_line(cause)
        raise UserError(text if text.startswith("logger.") else f"logger.{name}: {text}") from error


def _sweep(config: DictConfig, folder: Path) -> str | None:
    """The name of the run's sweep, in whose folder there is a log of each job."""
    in_sweep = (folder.parent / "logs" / f"{folder.name}.log").is_file()
    name = config.sweep.name or (folder.parent.name if in_sweep else None)
    return None if name is None else str(name)


def _read_ids(folder: Path) -> dict[str, str]:
    """The recorded ids; anything but a plain id is ignored, since the folder may be somebody else's."""
    try:
        ids: Any = json.loads(read_text(folder / IDS))
    except (OSError, ValueError, RecursionError):
        return {}
    return (
        {name: text for name, text in ids.items() if isinstance(text, str) and ID.fullmatch(text)}
        if isinstance(ids, dict)
        else {}
    )


@rank_zero_only
def _write_ids(folder: Path, earlier: dict[str, str], loggers: Sequence[RunLogger]) -> None:
    ids = {logger.name_in_config: logger.service_id for logger in loggers if logger.service_id is not None}
    if ids:
        write_atomically(folder / IDS, (json.dumps({**earlier, **ids}, indent=2) + "\n").encode())
