"""Executes one run: from a composed config to result.json."""

import contextlib
import shlex
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from cnnlab.data import ImageDataModule
from cnnlab.errors import Diverged, Pruned, UserError
from cnnlab.experiment.check import check, check_keys
from cnnlab.experiment.identity import fingerprint, flat_params, with_fallback
from cnnlab.metrics import RESULT_METRICS, metric_names
from cnnlab.program import program
from cnnlab.run.folder import RunFolder
from cnnlab.run.result import Result, objective_value
from cnnlab.run.status import Status
from cnnlab.run.summary import Introduction, print_summary, short_path
from cnnlab.signals import Interrupted, SignalGuard, ignored
from cnnlab.training.build import (
    build_averaging,
    build_callbacks,
    build_classifier,
    build_data,
    build_trainer,
)
from cnnlab.training.checkpoint import EpochCheckpoint, load_checkpoint, weights_sha256
from cnnlab.training.classifier import Classifier
from cnnlab.training.console import make_console
from cnnlab.training.history import History
from cnnlab.training.interruption import StopOnSignal
from cnnlab.training.loggers import LogChoices, build_loggers, close_loggers
from cnnlab.training.quiet import quieten
from cnnlab.training.run_logger import RunLogger
from cnnlab.training.tensorboard import RunFolderTensorBoard


def run(config: DictConfig) -> float | None:
    """Trains and tests a network, and writes the results to the run folder.

    Call it inside `hydra.main`, in the main thread.

    Args:
        config: The composed config; the folder, options and overrides come from Hydra's own config.

    Returns:
        The value of the config's objective, or None if it was not measured.

    Raises:
        UserError: If the config or the data is invalid.
        Diverged: If a loss became NaN or infinite.
        Pruned: If a search ended the run early.
        Interrupted: On SIGINT or SIGTERM.
    """
    this_run = Run(config)
    if config.resume is None and this_run.folder.result_json.exists():
        raise UserError(f"{this_run.folder} already has a result, and runs cannot share a folder; choose another")
    try:
        with SignalGuard() as guard:
            this_run.execute(guard)
        this_run.result.status = Status.COMPLETED
    except BaseException as error:
        this_run.result.status, this_run.result.error = _status_of(error)
        raise
    finally:
        this_run.close()
    return objective_value(asdict(this_run.result))


def _status_of(error: BaseException) -> tuple[Status, str]:
    match error:
        case Diverged():
            return Status.DIVERGED, str(error)
        case Pruned():
            return Status.PRUNED, str(error)
        case Interrupted():
            return Status.INTERRUPTED, signal.Signals(error.signum).name
    return Status.FAILED, " ".join(f"{type(error).__name__}: {error}".split())


class Run:
    """Executes the steps of a run and collects its result.

    Args:
        config: As for `run`.
    """

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.hydra = HydraConfig.get()
        self.folder = RunFolder(Path(self.hydra.runtime.output_dir))
        self.history = History(self.folder.metrics_csv, config.watch)
        self.result = Result(overrides=list(self.hydra.overrides.task))
        self.loggers: list[RunLogger] = []
        self._started = time.perf_counter()

    @property
    def best_checkpoint(self) -> Path | None:
        """The best epoch's checkpoint, which is tested if select=best; else None."""
        return self.folder.best_checkpoint if self.config.select == "best" else None

    def execute(self, guard: SignalGuard) -> None:
        """Checks the config, builds the objects, fits and tests."""
        config, last = self.config, self.folder.last_checkpoint
        check_keys(config)
        option_names = dict(self.hydra.runtime.choices)
        self.result = result = Result.of_experiment(config, option_names, self.result.overrides)
        check(config, option_names, result.overrides)
        quieten()

        data, classifier = build_data(config), build_classifier(config)
        result.num_params = sum(weights.numel() for weights in classifier.network.parameters() if weights.requires_grad)
        checkpoint = load_checkpoint(last) if config.resume is not None and last.is_file() else None
        first_step = 0 if checkpoint is None else checkpoint["global_step"]
        self.loggers = build_loggers(config, self.folder.path, None if config.resume is None else first_step)
        trainer = build_trainer(config, self.folder.path, self._callbacks(guard), self.loggers)
        result.device = str(trainer.strategy.root_device)
        result.seconds["setup"] = self._lap()
        self._fit(trainer, classifier, data, resume=checkpoint is not None)
        self._test(trainer, classifier, data)
        self._log_outcome()
        print_summary(result, self.folder, self.loggers)

    def close(self) -> None:
        """Closes the loggers, then writes result.json, always the last file, while signals are ignored.

        A logger's service may be slow, so that a signal while it closes ends the run at once.
        """
        try:
            if self.result.status is Status.INTERRUPTED:
                command = f"{program()} resume={shlex.quote(short_path(self.folder))}"
                rank_zero_only(print)(f"resume it with: {command}", file=sys.stderr)
            close_loggers(self.loggers, self.result.status.value, self.result.text(), self.folder.metrics_csv)
        finally:
            self._write_result()

    def _write_result(self) -> None:
        with ignored(), contextlib.suppress(OSError):  # disk full: that error is already being raised
            rank_zero_only(self.result.write)(self.folder)

    def _callbacks(self, guard: SignalGuard) -> list[Callback]:
        return [
            *build_averaging(self.config),  # first, so that checkpoints hold the updated average
            StopOnSignal(guard, self.folder.last_checkpoint),
            *([] if self.config.console == "none" else [Introduction(self.result, self.folder)]),
            LogChoices(self._choices()),
            self.history,
            *make_console(self.config.console),
            *build_callbacks(self.config),
            EpochCheckpoint(self.history, self.folder.last_checkpoint, self.best_checkpoint),
        ]

    def _fit(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule, *, resume: bool) -> None:
        result, last = self.result, self.folder.last_checkpoint
        try:
            trainer.fit(classifier, datamodule=data, ckpt_path=last if resume else None, weights_only=True)
        except MisconfigurationException as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        finally:
            self._record_data(data)
            result.epochs, result.steps = len(self.history.rows), trainer.global_step
            result.seconds["fit"] = round(self.history.earlier_fit_s + self._lap(), 3)
            result.seconds["to_target"] = self.history.seconds_to(self.config.target)
        self._select()

    def _record_data(self, data: ImageDataModule) -> None:
        """Records the data set that was used: with a fallback, the run is another experiment than requested."""
        result, used = self.result, data.effective
        result.data = {"name": used.name, "sha256": dict(used.files.sha256), **data.sizes}
        if used is not data:
            experiment = with_fallback(self.config)
            result.params, result.fingerprint = flat_params(experiment), fingerprint(experiment)
            result.choices["data"] = used.name
            result.data["instead_of"] = data.name

    def _select(self) -> None:
        rows = self.history.rows
        if not rows:
            return
        row = self.history.best_row() if self.config.select == "best" else rows[-1]
        assert row is not None, "select=best needs validation, which is checked"
        self.result.selected_epoch = int(row["epoch"])
        self.result.metrics |= {name: row.get(name) for name in metric_names(self.config.watch)}

    def _test(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule) -> None:
        trainer.test(classifier, datamodule=data, ckpt_path=self.best_checkpoint, verbose=False, weights_only=True)
        self.result.metrics |= {name: classifier.measured.get(name) for name in metric_names("test")}
        self.result.weights_sha256 = weights_sha256(classifier.network)
        self.result.seconds["test"] = self._lap()

    def _choices(self) -> dict[str, str | int | float]:
        config = self.config
        return {
            **self.result.choices,
            "optimizer.lr": float(config.optimizer.lr),
            "optimizer.weight_decay": float(config.optimizer.weight_decay),
            "data.batch_size": int(config.data.batch_size),
            "trainer.max_epochs": int(config.trainer.max_epochs),
            "seed": int(config.seed),
        }

    def _log_outcome(self) -> None:
        for logger in self.loggers:
            if isinstance(logger, RunFolderTensorBoard):
                logger.log_outcome(self._choices(), dict.fromkeys(RESULT_METRICS, 0.0))

    def _lap(self) -> float:
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        return round(seconds, 3)
