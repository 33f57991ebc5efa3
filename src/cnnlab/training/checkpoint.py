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
from cnnlab.training.history import VAL_ACCURACY, History


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

    A logger's log_model uploads them: the attributes below are those of Lightning's ModelCheckpoint that loggers read.

    It is stateless: the best epoch follows from the history's rows, which are in the checkpoint. Lightning's
    ModelCheckpoint forgets the best score when the run folder is moved.

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
        """Writes the checkpoints, after the history has added its row."""
        if self.best is not None and self.history.best_row() is self.history.rows[-1]:
            trainer.save_checkpoint(self.best)
        trainer.save_checkpoint(self.last)
        for logger in trainer.loggers if trainer.is_global_zero else ():
            logger.after_save_checkpoint(self)  # type: ignore[arg-type]  # has what loggers read


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
        digest.update(tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
