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
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
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
from cnnlab.training.loggers import build_logger, close_logger
from cnnlab.training.quiet import quieten
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
        self.logger: Logger | None = None
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
        self.logger = build_logger(config, self.folder.path, None if config.resume is None else first_step)
        trainer = build_trainer(config, self.folder.path, self._callbacks(guard), self.logger)
        result.device = str(trainer.strategy.root_device)
        result.seconds["setup"] = self._lap()
        self._fit(trainer, classifier, data, resume=checkpoint is not None)
        self._test(trainer, classifier, data)
        self._log_outcome()
        print_summary(result, self.folder, self.logger)

    def close(self) -> None:
        """Closes the logger, then writes result.json, always the last file; signals are ignored."""
        with ignored():
            if self.result.status is Status.INTERRUPTED:
                command = f"{program()} resume={shlex.quote(short_path(self.folder))}"
                rank_zero_only(print)(f"resume it with: {command}", file=sys.stderr)
            if self.logger is not None:
                close_logger(self.logger)
            with contextlib.suppress(OSError):  # disk full: that error is already being raised
                rank_zero_only(self.result.write)(self.folder)

    def _callbacks(self, guard: SignalGuard) -> list[Callback]:
        added = build_callbacks(self.config, self.folder.path)
        has_bar = any(isinstance(callback, ProgressBar) for callback in added)
        console = "lines" if self.config.console == "auto" and has_bar else self.config.console
        return [
            *build_averaging(self.config),  # first, so that checkpoints hold the updated average
            *([] if self.config.console == "none" else [Introduction(self.result, self.folder)]),
            self.history,
            *make_console(console),
            *added,
            StopOnSignal(guard, self.folder.last_checkpoint),
            EpochCheckpoint(self.history, self.folder.last_checkpoint, self.best_checkpoint),
        ]

    def _fit(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule, *, resume: bool) -> None:
        result, last = self.result, self.folder.last_checkpoint
        try:
            trainer.fit(classifier, datamodule=data, ckpt_path=last if resume else None, weights_only=True)
        except (MisconfigurationException, ModuleNotFoundError) as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        except RuntimeError as error:  # known only now if a user's own callback could have logged the metric
            if str(error).startswith("Early stopping conditioned on metric"):
                raise UserError(f"callbacks: {' '.join(str(error).split())}") from error
            raise
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
        if self.config.trainer.get("limit_test_batches") == 0:  # Lightning then skips the hooks that load the weights
            weights = load_checkpoint(self.best_checkpoint or self.folder.last_checkpoint)
            classifier.load_state_dict(weights["state_dict"])
        self.result.metrics |= {name: classifier.measured.get(name) for name in metric_names("test")}
        self.result.weights_sha256 = weights_sha256(classifier.network)
        self.result.seconds["test"] = self._lap()

    def _log_outcome(self) -> None:
        result, config, logger = self.result, self.config, self.logger
        if logger is None:
            return
        choices: dict[str, str | int | float] = {
            **result.choices,
            "optimizer.lr": float(config.optimizer.lr),
            "optimizer.weight_decay": float(config.optimizer.get("weight_decay", 0.0)),
            "data.batch_size": int(config.data.batch_size),
            "trainer.max_epochs": int(config.trainer.max_epochs),
            "seed": int(config.seed),
        }
        if isinstance(logger, RunFolderTensorBoard):
            logger.log_outcome(choices, dict.fromkeys(RESULT_METRICS, 0.0))
        else:
            logger.log_hyperparams(choices)

    def _lap(self) -> float:
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        return round(seconds, 3)
