"""What a run says while it trains."""

import sys
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from cnnlab.data.module import ImageDataModule
from cnnlab.training.classifier import Classifier


def make_console(name: str) -> list[Callback]:
    """The callbacks of a console option; `"auto"` draws a bar on a terminal only."""
    if name == "auto":
        name = "bar" if sys.stdout.isatty() else "lines"
    if name == "bar":
        return [RichProgressBar(refresh_rate=20), EpochLines()]
    lines: dict[str, list[Callback]] = {"lines": [EpochLines()], "lecture": [LectureLines()], "none": []}
    return lines[name]


class EpochLines(Callback):
    """One line an epoch."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's metrics."""
        assert isinstance(pl_module, Classifier)
        if not trainer.is_global_zero:
            return
        metrics = pl_module.measured
        parts = [f"epoch {trainer.current_epoch + 1:>{len(str(trainer.max_epochs))}}/{trainer.max_epochs}"]
        for split in ("train", "val", "test"):
            if f"{split}/loss" in metrics:
                parts.append(f"{split} loss {metrics[f'{split}/loss']:.4f} acc {metrics[f'{split}/acc']:.2%}")
        print("  ".join([*parts, f"lr {metrics['lr']:.3g}"]), flush=True)


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
        data = _data(trainer)
        num_images = data.sizes["train"]
        print(
            f"Train Epoch: {trainer.current_epoch + 1} [{batch_idx * data.batch_size}/{num_images} "
            f"({batch_idx / trainer.num_training_batches:.0%})]\tLoss: {outputs['loss'].item():.6f}",
            flush=True,
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the loss and accuracy of the split that is watched."""
        assert isinstance(pl_module, Classifier)
        if not trainer.is_global_zero:
            return
        watch = pl_module.watch
        loss, accuracy = (pl_module.measured[f"{watch}/{name}"] for name in ("loss", "acc"))
        name = {"val": "Validation", "test": "Test"}[watch]
        print(f"[{trainer.current_epoch + 1}] {name} Loss: {loss:.4f}, Accuracy: {accuracy:.2%}", flush=True)


def _data(trainer: Trainer) -> ImageDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, ImageDataModule)
    return data
