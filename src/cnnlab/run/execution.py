"""One run: from a composed config to its result.json."""

import contextlib
import hashlib
import logging
import shlex
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from cnnlab.cli.preflight import check, check_keys
from cnnlab.data import ImageDataModule
from cnnlab.errors import Diverged, Pruned, UserError
from cnnlab.experiment.identity import axis_choices, fingerprint, flat_params, numeric_params
from cnnlab.program import program
from cnnlab.run.result import METRICS, Result, objective_value
from cnnlab.run.summary import print_summary, short_path
from cnnlab.signals import Interrupted, SignalGuard, ignored
from cnnlab.training.build import (
    build_averaging,
    build_callbacks,
    build_classifier,
    build_data,
    build_logger,
    build_trainer,
)
from cnnlab.training.checkpoint import EpochCheckpoint, load_checkpoint
from cnnlab.training.classifier import Classifier
from cnnlab.training.console import make_console
from cnnlab.training.history import History
from cnnlab.training.interruption import StopOnSignal
from cnnlab.training.tensorboard import RunFolderTensorBoard


def run(config: DictConfig) -> float | None:
    """Trains and tests one network; everything that was learned is in the run folder afterwards.

    To be called inside `hydra.main`, in the main thread.

    Args:
        config: The composed config; Hydra's own part gives the folder, the options' names and the overrides.

    Returns:
        The config's objective, or None if it was not measured.

    Raises:
        UserError: If the config or the data is refused.
        Diverged: If a loss became NaN or infinite.
        Pruned: If a search has no use for the rest.
        Interrupted: On SIGINT or SIGTERM.
    """
    one_run = Run(config)
    if config.resume is None and (one_run.folder / "result.json").exists():
        raise UserError(f"{one_run.folder} has a result already, and two runs never share a folder; give another")
    result = one_run.result
    try:
        with SignalGuard() as guard:
            one_run.execute(guard)
        result.status = "completed"
    except Diverged as error:
        result.status, result.error = "diverged", str(error)
        raise
    except Pruned as error:
        result.status, result.error = "pruned", str(error)
        raise
    except Interrupted as error:
        result.status, result.error = "interrupted", f"signal {error.signum}"
        raise
    except BaseException as error:
        result.status, result.error = "failed", " ".join(f"{type(error).__name__}: {error}".split())
        raise
    finally:
        one_run.close()
    return objective_value(asdict(result))


class Run:
    """The parts of one run, and the result that they fill in.

    Args:
        config: As for `run`.
    """

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.hydra = HydraConfig.get()
        self.folder = Path(self.hydra.runtime.output_dir)
        self.last = self.folder / "checkpoints" / "last.ckpt"
        self.history = History(self.folder / "metrics.csv", config.watch)
        self.result = Result(overrides=list(self.hydra.overrides.task))
        self.logger: Logger | None = None
        self._started = time.perf_counter()

    def execute(self, guard: SignalGuard) -> None:
        """Checks, builds, fits, tests."""
        config, result = self.config, self.result
        check_keys(config)
        option_names = dict(self.hydra.runtime.choices)
        result.params, result.seed = flat_params(config), config.seed
        result.choices = axis_choices(config, option_names)
        numeric = numeric_params(config)
        result.fingerprint = fingerprint(numeric)
        check(config, option_names, result.overrides)
        quieten()

        data, classifier = build_data(config), build_classifier(config)
        result.num_params = sum(weights.numel() for weights in classifier.network.parameters() if weights.requires_grad)
        checkpoint = load_checkpoint(self.last) if config.resume is not None and self.last.is_file() else None
        self.logger = logger = build_logger(config, self.folder)
        if isinstance(logger, RunFolderTensorBoard) and config.resume is not None:
            logger.resume_from(0 if checkpoint is None else checkpoint["global_step"])
        trainer = build_trainer(config, self.folder, self._callbacks(guard), logger)
        result.device = str(trainer.strategy.root_device)
        result.seconds["setup"] = self._lap()
        self._fit(trainer, classifier, data, resume=checkpoint is not None)
        self._test(trainer, classifier, data)
        self._log_outcome()
        print_summary(result, self.folder, logger)

    def close(self) -> None:
        """Ends the logger, then writes result.json, last of all files; nothing interrupts it."""
        with ignored():
            self._close()

    def _close(self) -> None:
        if self.result.status == "interrupted":
            rank_zero_only(print)(
                f"go on with: {program()} resume={shlex.quote(short_path(self.folder))}", file=sys.stderr
            )
        if isinstance(self.logger, RunFolderTensorBoard):
            self.logger.close()
        elif isinstance(self.logger, WandbLogger) and self.logger._experiment is not None:
            self.logger.experiment.finish()  # so that a sweep's next job gets a run of its own
        with contextlib.suppress(OSError):  # a full disk: the error that said so is on its way
            rank_zero_only(self.result.write)(self.folder)

    def _callbacks(self, guard: SignalGuard) -> list[Callback]:
        best = self.last.with_name("best.ckpt") if self.config.select == "best" else None
        return [
            *build_averaging(self.config),  # first: a checkpoint holds the average after its step
            StopOnSignal(guard, self.last),
            self.history,
            *make_console(self.config.console),
            *build_callbacks(self.config),
            EpochCheckpoint(self.history, self.last, best),
        ]

    def _fit(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule, *, resume: bool) -> None:
        result = self.result
        try:
            trainer.fit(classifier, datamodule=data, ckpt_path=self.last if resume else None, weights_only=True)
        except MisconfigurationException as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        finally:
            self._record_data(data)
            result.epochs, result.steps = len(self.history.rows), trainer.global_step
            result.seconds["fit"] = round(self.history.earlier_fit_s + self._lap(), 3)
            result.seconds["to_target"] = self.history.seconds_to(self.config.target)
        self._select()

    def _record_data(self, data: ImageDataModule) -> None:
        """Says which data set was really used: a fallback is another experiment than the one that was asked for."""
        result, used = self.result, data.effective
        result.data = {"name": used.name, "sha256": dict(used.files.sha256), **data.sizes}
        facts = {
            f"data.{name}": getattr(used, name) for name in ("name", "mean", "std", "num_train", "num_val", "num_test")
        }
        result.params |= facts
        result.choices["data"] = used.name
        if used is not data:
            result.data["instead_of"] = data.name
            result.fingerprint = fingerprint(
                {**numeric_params(self.config), **facts, "sha256": dict(used.files.sha256)}
            )

    def _select(self) -> None:
        rows, watch = self.history.rows, self.config.watch
        if not rows:
            return
        row = self.history.best_row() if self.config.select == "best" else rows[-1]
        assert row is not None, "select=best needs validation, which is checked"
        self.result.selected_epoch = int(row["epoch"])
        for name in (f"{watch}/acc", f"{watch}/loss"):
            self.result.metrics[name] = row.get(name)

    def _test(self, trainer: Trainer, classifier: Classifier, data: ImageDataModule) -> None:
        selected = self.last.with_name("best.ckpt") if self.config.select == "best" else None
        trainer.test(classifier, datamodule=data, ckpt_path=selected, verbose=False, weights_only=True)
        for name in ("test/acc", "test/loss"):
            self.result.metrics[name] = classifier.measured.get(name)
        self.result.weights_sha256 = weights_sha256(classifier.network)
        self.result.seconds["test"] = self._lap()

    def _log_outcome(self) -> None:
        result, config, logger = self.result, self.config, self.logger
        if logger is None:
            return
        choices: dict[str, str | int | float] = {
            **result.choices,
            "optimizer.lr": float(config.optimizer.lr),
            "optimizer.weight_decay": float(config.optimizer.weight_decay),
            "data.batch_size": int(config.data.batch_size),
            "trainer.max_epochs": int(config.trainer.max_epochs),
            "seed": int(config.seed),
        }
        if isinstance(logger, RunFolderTensorBoard):
            logger.log_outcome(choices, dict.fromkeys(METRICS, 0.0))
        else:
            logger.log_hyperparams(choices)

    def _lap(self) -> float:
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        return round(seconds, 3)


def weights_sha256(network: torch.nn.Module) -> str:
    """A hash of the bits of all parameters and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def quieten() -> None:
    """Silences Lightning's notes on hardware and products, and warnings that do not apply here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning 2.6 on torch from 2.9
    warnings.filterwarnings("ignore", "The number of training batches .* is smaller than the logging interval")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # no validation images
    warnings.filterwarnings("ignore", "The `srun` command is available")  # hydra/launcher=slurm is the way here
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a check for kernels, which costs on every tensor
