"""Executes one run: from a composed config to result.json."""

import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from cnnlab import kernels
from cnnlab.data import ImageDataModule
from cnnlab.errors import Diverged, Pruned, UserError, one_line
from cnnlab.experiment.check import check, check_keys
from cnnlab.experiment.composed import texts
from cnnlab.experiment.identity import fingerprint, flat_params, with_fallback
from cnnlab.hparams import Value
from cnnlab.metrics import metric_names
from cnnlab.program import as_typed
from cnnlab.run.checkpoints import Checkpoints
from cnnlab.run.folder import RunFolder
from cnnlab.run.machine import commit, processor
from cnnlab.run.recovery import explain_file_error, lost_in_test, removed, resume_command, way_on
from cnnlab.run.result import Result, objective_value
from cnnlab.run.status import Status
from cnnlab.run.summary import Introduction, print_summary
from cnnlab.run.swept import is_number, swept_keys
from cnnlab.signals import Interrupted, SignalGuard, ignored
from cnnlab.training.build import (
    build_averaging,
    build_callbacks,
    build_classifier,
    build_data,
    build_trainer,
)
from cnnlab.training.callback_errors import explain_callback_error
from cnnlab.training.checkpoint import CheckpointError, is_of_restoring, load_checkpoint, weights_sha256
from cnnlab.training.classifier import Classifier
from cnnlab.training.compile_errors import explain_compile_error
from cnnlab.training.console import make_console
from cnnlab.training.devices import training_device
from cnnlab.training.epoch_checkpoint import EpochCheckpoint
from cnnlab.training.history import History
from cnnlab.training.interruption import StopOnSignal
from cnnlab.training.loggers import LogChoices, build_loggers, close_loggers
from cnnlab.training.predictions import SavePredictions
from cnnlab.training.quiet import quieten
from cnnlab.training.run_logger import RunLogger
from cnnlab.training.tensorboard import RunFolderTensorBoard
from cnnlab.training.user_callbacks import may_change_validated_weights


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
        Interrupted: On SIGINT, SIGTERM or SIGHUP.
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
        if (line := explain_file_error(error, this_run.folder)) is not None:
            raise UserError(line) from error
        raise
    finally:
        this_run.close()
    print_summary(this_run.result, this_run.folder, this_run.loggers)
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
        self.result = Result(overrides=texts(self.hydra.overrides.task))
        self.loggers: list[RunLogger] = []
        is_resumed = config.resume is not None and self.folder.has_checkpoint
        self._resumed_step: int | None = 0 if is_resumed else None
        self._started = time.perf_counter()

    def execute(self, guard: SignalGuard) -> None:
        """Checks the config, builds the objects, fits and tests."""
        config = self.config
        check_keys(config)
        option_names = dict(self.hydra.runtime.choices)
        self.result = result = Result.of_experiment(config, option_names, self.result.overrides)
        check(config, option_names, result.overrides)
        quieten()
        self.checkpoints = Checkpoints(self.folder, result.fingerprint, config.select == "best")

        data, classifier = build_data(config), build_classifier(config, training_device(config))
        result.num_params = sum(weights.numel() for weights in classifier.network.parameters() if weights.requires_grad)
        resumed = self._load_progress()
        self.loggers = build_loggers(config, self.folder.path, None if config.resume is None else result.steps)
        callbacks, checkpoint_io = self._callbacks(guard), self.checkpoints.io()
        trainer = build_trainer(config, self.folder.path, callbacks, self.loggers, checkpoint_io)
        device = trainer.strategy.root_device
        result.device, result.commit = str(device), commit()
        result.machine = {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "kernels": "cnnlab" if device.type == "cpu" and kernels.available() else "torch",
        }
        result.seconds["setup"] = self._lap()
        self._fit(trainer, classifier, data, resumed)
        try:
            self._test(trainer, classifier, data)
        except CheckpointError as error:
            raise lost_in_test(error, self.checkpoints, self.history.best_row()) from error
        self._log_outcome()

    def _load_progress(self) -> Path | None:
        """The checkpoint to resume from, whose progress the result then has; None for a run from its start."""
        if self._resumed_step is None:
            return None
        (path, checkpoint), result = self.checkpoints.latest(), self.result
        result.inherit(self.folder.result())
        self.history.load_state_dict(checkpoint["callbacks"][self.history.state_key])
        result.epochs, result.steps = len(self.history.rows), int(checkpoint["global_step"])
        result.seconds["fit"] = round(self.history.earlier_fit_s, 3)
        self._resumed_step = result.steps
        self.checkpoints.check_best(self.history.best_row(), result.steps)
        return path

    def close(self) -> None:
        """Closes the loggers, then writes result.json, always the last file, while signals are ignored.

        A logger's service may be slow, so that a signal while it closes ends the run at once.

        Raises:
            UserError: If the run has its result and it cannot be written; a resume then only tests again.
        """
        try:
            if self.result.status is Status.INTERRUPTED:
                rank_zero_only(print)(f"resume it with: {resume_command(self.folder)}", file=sys.stderr)
            close_loggers(self.loggers, self.result.status.value, self.result.text(), self.folder.metrics_csv)
        finally:
            self._write_result()

    def _write_result(self) -> None:
        with ignored():
            try:
                if not self._adds_nothing():
                    rank_zero_only(self.result.write)(self.folder)
            except OSError as error:
                if not self.result.status.is_final:  # another error is being raised, and often the same
                    rank_zero_only(print)(f"result.json is not written: {error.strerror}", file=sys.stderr)
                    return
                line = f"the run is {self.result.status}, but its result is not written: {way_on(error, self.folder)}"
                raise UserError(line if self.folder.path.exists() else removed(self.folder)) from error

    def _adds_nothing(self) -> bool:
        """Whether a resume has ended before it got further than the run's result, which then stays as it is."""
        status, before = self.result.status, self.folder.status_without_lock
        if self._resumed_step is None or status.is_final:
            return False
        failed_at_once = status is Status.FAILED and self.result.steps <= self._resumed_step
        return failed_at_once or (before is not None and before.is_final)

    def _callbacks(self, guard: SignalGuard) -> list[Callback]:
        added = build_callbacks(self.config, self.folder.path)
        has_bar = any(isinstance(callback, ProgressBar) for callback in added)
        console = "lines" if self.config.console == "auto" and has_bar else self.config.console
        return [
            *build_averaging(self.config),  # first, so that checkpoints hold the updated average
            *([] if self.config.console == "none" else [Introduction(self.result, self.folder)]),
            LogChoices(self._choices()),
            self.history,
            *make_console(console),
            SavePredictions(self.folder.predictions),
            *added,
            StopOnSignal(guard, self.folder.last_checkpoint),
            EpochCheckpoint(self.history, self.folder.last_checkpoint, self.checkpoints.best),
        ]

    def _fit(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule, resumed: Path | None) -> None:
        result = self.result
        try:
            trainer.fit(classifier, datamodule=data, ckpt_path=resumed, weights_only=True)
        except (MisconfigurationException, ModuleNotFoundError) as error:
            raise UserError(f"trainer: {one_line(error)}") from error
        except Exception as error:
            if resumed is not None and is_of_restoring(error):
                raise CheckpointError(resumed, f"does not fit this run ({one_line(error)})") from error
            mistake = explain_callback_error(error, self.config) or explain_compile_error(error, self.config)
            if mistake is not None:
                raise mistake from error
            raise
        finally:
            self._record_data(data)
            result.epochs = len(self.history.rows)
            result.steps = max(result.steps, trainer.global_step)  # 0 until a checkpoint is restored
            result.seconds["fit"] = round(self.history.earlier_fit_s + self._lap(), 3)
            result.seconds["to_target"] = self.history.seconds_to(self.config.target)
        self._select()

    def _record_data(self, data: ImageDataModule) -> None:
        """Records the data set that was used: with a fallback, the run is another experiment than requested."""
        result, used = self.result, data.effective
        if result.data and data.sizes["train"] == 0:
            return  # this process has not loaded it, an earlier one has
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

    def _validate_changed(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule) -> None:
        """Validates the weights that are tested, if a callback may have changed them since their epoch's validation."""
        names = [name for name in metric_names(self.config.watch) if self.result.metrics.get(name) is not None]
        if not names or not may_change_validated_weights(trainer):
            return
        best = self.checkpoints.best
        trainer.validate(classifier, datamodule=data, ckpt_path=best, verbose=False, weights_only=True)
        self.result.metrics |= {name: classifier.measured[name] for name in names}

    def _test(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule) -> None:
        self.checkpoints.check_best(self.history.best_row())
        self._validate_changed(trainer, classifier, data)
        trainer.test(classifier, datamodule=data, ckpt_path=self.checkpoints.best, verbose=False, weights_only=True)
        if self.config.trainer.get("limit_test_batches") == 0:  # Lightning then skips the hooks that load the weights
            weights = load_checkpoint(self.checkpoints.best or self.folder.last_checkpoint)
            classifier.load_state_dict(weights["state_dict"])
        self.result.metrics |= {name: classifier.measured.get(name) for name in metric_names("test")}
        self.result.weights_sha256 = weights_sha256(classifier.network)
        self.result.seconds["test"] = self._lap()

    def _choices(self) -> dict[str, str | int | float]:
        config = self.config
        return {
            **self.result.choices,
            "optimizer.lr": float(config.optimizer.lr),
            "optimizer.weight_decay": float(config.optimizer.get("weight_decay", 0.0)),
            "data.batch_size": int(config.data.batch_size),
            "trainer.max_epochs": int(config.trainer.max_epochs),
            "seed": int(config.seed),
        }

    def _varied(self) -> dict[str, Value]:
        """What the run's sweep varies, with the run's values; of a run in no sweep, its choices."""
        options = {**self.hydra.runtime.choices, **self.result.choices}
        varied: dict[str, Value] = {}
        for key, are_numbers in swept_keys(self.folder.path, self.result.overrides).items():
            value = options.get(key, OmegaConf.select(self.config, key))
            if not are_numbers:
                varied[key] = as_typed(value)
            elif is_number(value):  # else its cell is empty: TensorBoard fails if a column of numbers has a text
                varied[key] = float(value)
        return varied or self._choices()

    def _log_outcome(self) -> None:
        for logger in self.loggers:
            if isinstance(logger, RunFolderTensorBoard):
                logger.log_outcome(self._varied(), self.result.metrics, self.result.steps)

    def _lap(self) -> float:
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        return round(seconds, 3)
