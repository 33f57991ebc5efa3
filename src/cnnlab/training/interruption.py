"""A checkpoint before an interrupted run ends."""

from pathlib import Path
from typing import Any

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
        if trainer.current_epoch > 0 and self._stop(trainer):
            self.guard.check()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Within an epoch; at its last step, the evaluation and the epoch's own checkpoint come first."""
        if not trainer.is_last_batch and self._stop(trainer):
            trainer.save_checkpoint(self.checkpoint)
            self.guard.check()

    def _stop(self, trainer: Trainer) -> bool:
        if trainer.world_size == 1:
            return self.guard.received is not None
        # any process's signal stops all of them at the same step
        stop: bool = trainer.strategy.reduce_boolean_decision(self.guard.received is not None, all=False)
        return stop
