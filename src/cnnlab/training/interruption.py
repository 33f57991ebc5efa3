"""A checkpoint before an interrupted run ends."""

from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from cnnlab.signals import SignalGuard


class StopOnSignal(Callback):
    """Ends training between two steps when a signal has come, with a checkpoint from which it goes on there.

    Args:
        guard: Holds the signal back until this callback asks.
        checkpoint: The file to write.
    """

    def __init__(self, guard: SignalGuard, checkpoint: Path) -> None:
        self.guard = guard
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals back, since Lightning's own handlers end a run with exit code 0, and holds them."""
        self.guard.install()
        self.guard.deferring = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets go; every epoch is in the checkpoint."""
        self.guard.deferring = False
        self.guard.check()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Between epochs the checkpoint is on the disk already."""
        if trainer.current_epoch > 0 and self._signal_has_come(trainer):
            self.guard.check()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Within an epoch, after an optimiser step: gradients that still add up are in no checkpoint.

        At the epoch's last step, the evaluation and the epoch's own checkpoint come first.
        """
        whole_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if whole_step and not trainer.is_last_batch and self._signal_has_come(trainer):
            trainer.save_checkpoint(self.checkpoint)
            self.guard.check()

    def _signal_has_come(self, trainer: Trainer) -> bool:
        if trainer.world_size == 1:
            return self.guard.received is not None
        # any process's signal stops all of them at the same step; one that comes while they ask waits for the next
        signum = torch.tensor(self.guard.received or 0, device=trainer.strategy.root_device)
        common = int(trainer.strategy.reduce(signum, reduce_op="max"))
        if common:
            self.guard.received = common
        return common != 0
