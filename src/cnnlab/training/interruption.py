"""Writes a checkpoint before an interrupted run ends."""

from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.signals import SignalGuard
from cnnlab.training.user_callbacks import uses_hook


class StopOnSignal(Checkpoint):
    """Stops training between two steps after a signal, with a checkpoint from which the run resumes there.

    By its base class it comes after the other callbacks, whose states then include the step.

    Args:
        guard: Defers the signal until this callback checks for it.
        checkpoint: The file to write.
    """

    def __init__(self, guard: SignalGuard, checkpoint: Path) -> None:
        self.guard = guard
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Installs our handlers again, since Lightning's end a run with exit code 0, and defers signals."""
        self.guard.install()
        self.guard.deferring = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops deferring; every epoch is in the checkpoint."""
        self.guard.deferring = False
        self.guard.check()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops between epochs, where the checkpoint has already been written."""
        if trainer.current_epoch > 0 and self._signal_received(trainer):
            self.guard.check()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stops within an epoch, only after an optimiser step: a checkpoint has no accumulated gradients.

        At the epoch's last step, the evaluation and the epoch's own checkpoint come first. Lightning does not call the
        hook at an epoch's start where it resumes within the epoch; a run with a callback that needs it resumes from the
        last epoch's checkpoint.
        """
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if whole_step and not trainer.is_last_batch and self._signal_received(trainer):
            if not uses_hook(trainer, "on_train_epoch_start"):
                trainer.save_checkpoint(self.checkpoint)
            self.guard.check()

    def _signal_received(self, trainer: Trainer) -> bool:
        if trainer.world_size == 1:
            return self.guard.received is not None
        # a signal in any process stops all of them at the same step; a signal during the reduction waits for the next
        signum = torch.tensor(self.guard.received or 0, device=trainer.strategy.root_device)
        common = int(trainer.strategy.reduce(signum, reduce_op="max"))
        if common:
            self.guard.received = common
        return common != 0
