"""The callback that writes the checkpoints of a run: the last epoch's, and the best one's."""

from pathlib import Path

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.training.checkpoint import bits, load_checkpoint
from cnnlab.training.history import VAL_ACCURACY, History
from cnnlab.training.user_callbacks import uses_hook


class EpochCheckpoint(Checkpoint):
    """Writes `last.ckpt` at the end of every epoch, and then `best.ckpt` if the epoch is the best so far.

    What is tested is what is in the file, whatever other callbacks do to the weights. It is the last callback, so that
    it comes after their hooks. It is stateless: the best epoch follows from the history's rows, which are in the
    checkpoint. Lightning's ModelCheckpoint forgets the best score when the run folder is moved.

    A logger's log_model uploads them: the attributes below are those of Lightning's ModelCheckpoint that loggers read.

    Args:
        history: The epochs so far.
        last: Where `last.ckpt` goes.
        best: Where `best.ckpt` goes, or None to select nothing.
    """

    monitor, mode = VAL_ACCURACY, "max"
    save_last, save_top_k, save_weights_only = True, 1, False

    def __init__(self, history: History, last: Path, best: Path | None = None) -> None:
        self.history = history
        self.last = last
        self.best = best

    @property
    def last_model_path(self) -> str:
        """The last checkpoint."""
        return str(self.last)

    @property
    def best_model_path(self) -> str:
        """The best epoch's checkpoint; empty without selection."""
        return "" if self.best is None else str(self.best)

    @property
    def current_score(self) -> float | None:
        """The last epoch's validation accuracy."""
        return self.history.rows[-1].get(VAL_ACCURACY) if self.history.rows else None

    @property
    def best_model_score(self) -> float | None:
        """The best epoch's validation accuracy."""
        row = self.history.best_row()
        return None if row is None else row[VAL_ACCURACY]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the checkpoints, after the history has added its row.

        Weights that a callback changes at the end of the training, such as an average, are written after it. A run
        that is killed in between trains its last epoch again, since Lightning omits that hook where no step is left.
        """
        is_complete = not (_is_last_epoch(trainer) and uses_hook(trainer, "on_train_end"))
        if is_complete:
            trainer.save_checkpoint(self.last)  # first: a lost best checkpoint is restored from it, see run.checkpoints
        if self.best is not None and self.history.best_row() is self.history.rows[-1]:
            trainer.save_checkpoint(self.best)
        if is_complete:
            self._upload(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the weights as the other callbacks have left them."""
        if uses_hook(trainer, "on_train_end"):
            trainer.save_checkpoint(self.last)
            self._upload(trainer)

    def _upload(self, trainer: Trainer) -> None:
        for logger in trainer.loggers if trainer.is_global_zero else ():
            logger.after_save_checkpoint(self)  # type: ignore[arg-type]  # has what loggers read

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tests the best epoch's weights as saved.

        A callback that averages restores the weights of the epoch's last step, not the average that was validated.
        """
        if not (self.best or self.last).is_file():  # stopped before the first epoch, as by a timer
            trainer.save_checkpoint(self.best or self.last)
        elif self.best is not None:
            pl_module.load_state_dict(load_checkpoint(self.best)["state_dict"])

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the tested weights if they are others than those of the file: a callback may change them any time."""
        path = self.best or self.last
        if not trainer.is_global_zero:
            return
        weights = {name: weight.detach().cpu() for name, weight in pl_module.state_dict().items()}
        checkpoint = load_checkpoint(path)
        saved = checkpoint["state_dict"]
        if weights.keys() != saved.keys() or not all(_same_bits(weights[name], saved[name]) for name in weights):
            trainer.strategy.checkpoint_io.save_checkpoint({**checkpoint, "state_dict": weights}, path)


def _is_last_epoch(trainer: Trainer) -> bool:
    """Whether the epoch that ends is the fit's last."""
    epochs, steps = trainer.current_epoch + 1, trainer.global_step
    may_stop = epochs >= (trainer.min_epochs or 0) and steps >= (trainer.min_steps or 0)
    return epochs == trainer.max_epochs or steps == trainer.max_steps or (trainer.should_stop and may_stop)


def _same_bits(weight: torch.Tensor, saved: torch.Tensor) -> bool:
    return weight.dtype == saved.dtype and weight.shape == saved.shape and bits(weight) == bits(saved)
