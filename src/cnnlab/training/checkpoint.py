"""Atomic checkpoints."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.errors import UserError
from cnnlab.files import write_atomically
from cnnlab.training.history import History
from cnnlab.training.user_callbacks import uses_hook


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written atomically and checked when they are read."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint, or leaves the earlier one unchanged."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Reads a checkpoint of tensors and plain values."""
        return load_checkpoint(Path(path), map_location, weights_only=weights_only is not False)


class EpochCheckpoint(Checkpoint):
    """Writes `last.ckpt` at the end of every epoch, and before it `best.ckpt` if the epoch is the best so far.

    What is tested is what is in the file, whatever other callbacks do to the weights. It is the last callback, so that
    it comes after their hooks. It is stateless: the best epoch follows from the history's rows, which are in the
    checkpoint. Lightning's ModelCheckpoint forgets the best score when the run folder is moved.

    Args:
        history: The epochs so far.
        last: Where `last.ckpt` goes.
        best: Where `best.ckpt` goes, or None to select nothing.
    """

    def __init__(self, history: History, last: Path, best: Path | None = None) -> None:
        self.history = history
        self.last = last
        self.best = best

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the checkpoints, after the history has added its row.

        Weights that a callback changes at the end of the training, such as an average, are written after it. A run
        that is killed in between trains its last epoch again, since Lightning omits that hook where no step is left.
        """
        if self.best is not None and self.history.best_row() is self.history.rows[-1]:
            trainer.save_checkpoint(self.best)
        if not (_is_last_epoch(trainer) and uses_hook(trainer, "on_train_end")):
            trainer.save_checkpoint(self.last)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the weights as the other callbacks have left them."""
        if uses_hook(trainer, "on_train_end"):
            trainer.save_checkpoint(self.last)

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
            AtomicCheckpointIO().save_checkpoint({**checkpoint, "state_dict": weights}, path)


def _is_last_epoch(trainer: Trainer) -> bool:
    """Whether the epoch that ends is the fit's last."""
    epochs, steps = trainer.current_epoch + 1, trainer.global_step
    may_stop = epochs >= (trainer.min_epochs or 0) and steps >= (trainer.min_steps or 0)
    return epochs == trainer.max_epochs or steps == trainer.max_steps or (trainer.should_stop and may_stop)


def _same_bits(weight: torch.Tensor, saved: torch.Tensor) -> bool:
    return weight.dtype == saved.dtype and weight.shape == saved.shape and _bytes(weight) == _bytes(saved)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()


def load_checkpoint(path: Path, map_location: Any = "cpu", *, weights_only: bool = True) -> dict[str, Any]:
    """Reads a checkpoint after checking its CRC-32 sums, which torch does not.

    Args:
        path: The file.
        map_location: As in `torch.load`.
        weights_only: As in `torch.load`: tensors and plain values only.

    Raises:
        UserError: If the file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile:
        damaged = "the archive itself"
    if damaged is not None:
        raise UserError(f"{path} is damaged ({damaged}); delete it to restart this run")
    checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=weights_only)
    return checkpoint


def weights_sha256(network: torch.nn.Module) -> str:
    """A hash of the bits of all parameters and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()
