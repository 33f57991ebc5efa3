"""The console output of a run while it trains."""

import sys
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cnnlab.data.module import ImageDataModule
from cnnlab.metrics import ACCURACY, LOSS, SPLITS, worth_showing
from cnnlab.training.classifier import Classifier


def make_console(name: str) -> list[Callback]:
    """The callbacks of a console option; `"auto"` draws a bar on a terminal only."""
    if name == "auto":
        name = "bar" if sys.stdout.isatty() else "lines"
    if name == "bar":
        return [RunBar(), EpochLines()]
    lines: dict[str, list[Callback]] = {"lines": [EpochLines()], "lecture": [LectureLines()], "none": []}
    return lines[name]


class RunBar(ProgressBar):
    """A progress bar over all steps of the fit, with the remaining time; printed lines appear above it."""

    interval_steps = 20

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the bar, at the step from which a resumed run continues."""
        if not trainer.is_global_zero:
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps, time left"))
        self._progress = Progress(*columns, TimeRemainingColumn(), transient=True)
        self._progress.add_task("", total=int(trainer.num_training_batches) * (trainer.max_epochs or 0))
        self._show(trainer, 0)
        self._progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Updates the bar."""
        if batch_idx % self.interval_steps == 0 or trainer.is_last_batch:
            self._show(trainer, batch_idx + 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Removes the bar."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Removes the bar."""
        self._stop()

    def _show(self, trainer: Trainer, batches_done: int) -> None:
        if self._progress is not None:
            self._progress.update(
                self._progress.task_ids[0],
                description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
                completed=trainer.current_epoch * int(trainer.num_training_batches) + batches_done,
            )

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()


class EpochLines(Callback):
    """Prints one line per epoch."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's metrics."""
        assert isinstance(pl_module, Classifier)
        if not trainer.is_global_zero:
            return
        measured = pl_module.measured
        parts = [f"epoch {trainer.current_epoch + 1:>{len(str(trainer.max_epochs))}}/{trainer.max_epochs}"]
        for split in SPLITS:
            if values := worth_showing(measured, split):
                parts.append(" ".join([split, *(f"{metric.name} {metric.text(value)}" for metric, value in values)]))
        print("  ".join([*parts, f"lr {pl_module.lr:.3g}"]), flush=True)


class LectureLines(Callback):
    """The lecture's lines: the loss every 200 steps, the test set after each epoch."""

    interval_steps = 200

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Prints the batch's loss, measured before its step."""
        if batch_idx % self.interval_steps or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Classifier)
        data = _data(trainer)
        num_images = data.sizes["train"]
        print(
            f"Train Epoch: {trainer.current_epoch + 1} [{batch_idx * data.batch_size}/{num_images} "
            f"({batch_idx / trainer.num_training_batches:.0%})]\tLoss: {pl_module.train_totals.last_mean(LOSS):.6f}",
            flush=True,
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the loss and accuracy of the watched split."""
        assert isinstance(pl_module, Classifier)
        if not trainer.is_global_zero or trainer.sanity_checking:
            return
        watch = pl_module.watch
        loss, accuracy = (metric.text(pl_module.measured[metric.of(watch)]) for metric in (LOSS, ACCURACY))
        name = SPLITS[watch].title()
        print(f"[{trainer.current_epoch + 1}] {name} Loss: {loss}, Accuracy: {accuracy}", flush=True)


def _data(trainer: Trainer) -> ImageDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, ImageDataModule)
    return data
