"""What every logger of a run adds to Lightning's: it may fail, and it is closed once, with the run's status."""

import inspect
import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary

log = logging.getLogger(__name__)

MAX_REASON = 300  # characters
COMPLETED = "completed"  # the run's status, as in result.json


@dataclass(frozen=True)
class LoggedRun:
    """The run that a logger records.

    Attributes:
        folder: The run folder.
        sweep: The name of its sweep, if any.
        first_step: The step from which a resumed run continues; None for a new run.
        earlier_id: The id that the logger's service gave the run in an earlier process, if any.
        watch: The split evaluated after every epoch.
    """

    folder: Path
    sweep: str | None = None
    first_step: int | None = None
    earlier_id: str | None = None
    watch: str = "val"


class RunLogger(Logger):
    """Precedes one of Lightning's logger classes among a class's bases.

    A logger that fails is reported once and then skipped: the run and its result.json do not depend on it. Lightning
    finalizes a logger after the fit and again after the test, whatever the run's status is; here only `close` does.
    """

    name_in_config = "logger"
    is_lost = False
    _failed: frozenset[str] = frozenset()

    @classmethod
    def defaults(cls, run: LoggedRun, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003  # subclasses do
        """Constructor arguments that the config does not give, such as the folder.

        Args:
            run: The run.
            given: The config's arguments that are not null.
        """
        accepted = inspect.signature(cls).parameters
        return {name: str(run.folder) for name in ("save_dir", "root_dir") if name in accepted}

    def open(self, run: LoggedRun) -> None:
        """Connects before the fit, so that what is wrong is known before it; called in one process."""

    @property
    def service_id(self) -> str | None:
        """The run's id in the logger's service, with which a resumed run continues there; None if there is none."""
        return None

    def look(self, folder: str) -> str | None:
        """The command or the address that shows what was logged; None if unknown.

        Args:
            folder: The run folder, as messages show it.
        """
        return f"tensorboard --logdir {folder}" if isinstance(self, TensorBoardLogger) else None

    def attempt(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Calls something that may fail: its first failure is reported, and it is not called again.

        If metrics cannot be logged, the logger is lost, and nothing else is tried: each attempt may take a while.
        """
        name = action.__name__
        if self.is_lost or name in self._failed:
            return
        try:
            action(*args, **kwargs)
        except Exception as error:
            self._failed |= {name}
            self.is_lost = name == "log_metrics"
            skipped = "the logger" if self.is_lost else "it"
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]
            log.warning("logger.%s: %s failed; the run continues without %s (%s)",
                        self.name_in_config, name.strip("_"), skipped, reason)  # fmt: skip

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics, unless an earlier call failed."""
        self.attempt(super().log_metrics, metrics, step)  # type: ignore[safe-super]  # Lightning's class has it

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Logs hyperparameters, unless an earlier call failed."""
        self.attempt(super().log_hyperparams, *args, **kwargs)  # type: ignore[safe-super]  # as above

    def log_graph(self, *args: Any, **kwargs: Any) -> None:
        """Logs the graph, unless an earlier call failed."""
        self.attempt(super().log_graph, *args, **kwargs)

    def save(self) -> None:
        """Saves, unless an earlier call failed."""
        self.attempt(super().save)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Uploads a checkpoint if log_model requests it, unless an earlier call failed."""
        self.attempt(super().after_save_checkpoint, checkpoint_callback)

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture, if the logger takes pictures.

        Args:
            name: Its name.
            png: The content of a PNG file.
            step: The step.
        """
        self.attempt(self.add_picture, name, png, step)

    def add_picture(self, name: str, png: bytes, step: int) -> None:
        """As `log_picture`, but may fail."""
        if isinstance(self, TensorBoardLogger):
            width, height = Image.open(io.BytesIO(png)).size
            image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
            self.experiment.file_writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def finalize(self, status: str = "success") -> None:
        """Does nothing: the run is not over yet."""

    def close(self, status: str, result: str = "", metrics_csv: Path | None = None) -> None:
        """Ends the run in the logger's service; called in every process.

        Args:
            status: The run's status, as in result.json.
            result: The text of result.json, which is written afterwards; empty if the run has not begun.
            metrics_csv: The file of metrics, if any epoch has finished.
        """
        self.attempt(super().finalize, "success" if status == COMPLETED else "failed")
