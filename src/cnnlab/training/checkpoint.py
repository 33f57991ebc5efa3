"""Checkpoints: written atomically, with a digest that is checked before anything is read from them."""

import hashlib
import io
import os
import re
import struct
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from cnnlab.errors import UserError
from cnnlab.file_errors import NOT_ALLOWED
from cnnlab.files import make_folder, read_end, read_file, write_atomically
from cnnlab.training.history import VAL_ACCURACY, History
from cnnlab.training.user_callbacks import uses_hook

# A checkpoint is torch's zip archive; the archive's comment, at the end of the file, holds the run's fingerprint and
# the SHA-256 of all bytes before the digest. So there is one file, and torch.load reads it as any other.
COMMENT = b"cnnlab checkpoint of run %s, SHA-256 of everything before this: "
SIGNED = re.compile(rb"cnnlab checkpoint of run (\w*), SHA-256 of everything before this: ([0-9a-f]{64})\Z")
DIGEST_BYTES = 64
MAX_END_BYTES = 256  # more than the last record with its comment
END_OF_ARCHIVE = b"PK\x05\x06"  # the last record, of 22 bytes with an empty comment


class CheckpointError(UserError):
    """A checkpoint that cannot be used.

    Args:
        path: The file.
        reason: What is wrong with it: the end of a sentence that starts with the path.
        advice: What to do.
    """

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        self.path = path
        self.reason = reason
        self.advice = advice
        restart = f"delete {path.parent} to restart this run from its first epoch"
        super().__init__(f"{path} {reason}; {advice or restart}")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written atomically and checked when they are read.

    Args:
        fingerprint: Of the run, written into its checkpoints and required of those that are read; empty for none.
        last: The checkpoint whose predecessor is kept.
        previous: Where the predecessor is kept.
    """

    def __init__(self, fingerprint: str = "", last: Path | None = None, previous: Path | None = None) -> None:
        self.fingerprint = fingerprint
        self._last = last
        self._previous = previous
        self._is_last_good = False  # whether this process has read or written it

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint, or leaves the earlier one unchanged."""
        path = Path(path)
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        if self._last is not None and path.parent == self._last.parent:
            make_folder(path.parent)  # the run's own; a callback of the user's may write elsewhere
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path == self._last and self._is_last_good:
            self._keep_previous()
        write_atomically(path, sign(buffer.getvalue(), self.fingerprint))
        self._is_last_good |= path == self._last

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Reads a checkpoint of tensors and plain values."""
        content = load_checkpoint(
            Path(path), map_location, weights_only=weights_only is not False, fingerprint=self.fingerprint or None
        )
        self._is_last_good |= Path(path) == self._last
        return content

    def _keep_previous(self) -> None:
        """Gives the last checkpoint a second name, so that there is one at every moment."""
        assert self._last is not None
        assert self._previous is not None
        self._previous.unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # removed during the run
            try:
                os.link(self._last, self._previous)
            except OSError:  # a file system without hard links
                self._last.replace(self._previous)


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
    return weight.dtype == saved.dtype and weight.shape == saved.shape and _bytes(weight) == _bytes(saved)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()


def sign(archive: bytes, fingerprint: str) -> bytes:
    """Adds the comment with the fingerprint and the digest to torch's archive.

    Args:
        archive: What `torch.save` writes.
        fingerprint: The run's.
    """
    assert archive[-22:-18] == END_OF_ARCHIVE
    comment = COMMENT % fingerprint.encode()
    signed = b"".join([archive[:-2], struct.pack("<H", len(comment) + DIGEST_BYTES), comment])
    return signed + hashlib.sha256(signed).hexdigest().encode()


def load_checkpoint(
    path: Path, map_location: Any = "cpu", *, weights_only: bool = True, fingerprint: str | None = None
) -> dict[str, Any]:
    """Reads a checkpoint, after checking that it is what was written.

    Args:
        path: The file.
        map_location: As in `torch.load`.
        weights_only: As in `torch.load`: tensors and plain values only.
        fingerprint: Of the run that must have written it. None for any run's, and for a checkpoint without a digest,
            from an earlier version, of which only torch's CRC-32 sums are checked.

    Raises:
        CheckpointError: If it is missing, unreadable, damaged or of another run, or holds other objects.
    """
    try:
        end = read_end(path, MAX_END_BYTES)
        content = read_file(path) if _is_end(end) else end  # of a torn or foreign file, which may be huge, no more
    except FileNotFoundError:
        raise CheckpointError(path, "is missing") from None
    except MemoryError:
        raise CheckpointError(path, f"has {path.stat().st_size} bytes, more than the memory takes") from None
    except OSError as error:
        advice = "make it readable (chmod +r)" if error.errno in NOT_ALLOWED else ""
        raise CheckpointError(path, f"cannot be read ({error.strerror})", advice) from None
    written_by = _check_digest(path, content)
    if fingerprint is not None and written_by is None:
        raise CheckpointError(path, "has no digest: it is from an earlier version, or was changed")
    if fingerprint is not None and written_by != fingerprint:
        raise CheckpointError(
            path, f"is of another run or another version (fingerprint {written_by}, this run has {fingerprint})"
        )
    readable = _readable(path, content, is_signed=written_by is not None)
    try:
        checkpoint = torch.load(io.BytesIO(readable), map_location=map_location, weights_only=weights_only)
    except Exception as error:  # of whatever kind: without a digest, the bytes may be anything
        raise CheckpointError(path, f"is not a checkpoint ({_first_line(error)})") from None
    if not isinstance(checkpoint, dict):
        raise CheckpointError(path, f"is not a checkpoint: it holds a {type(checkpoint).__name__}")
    return checkpoint


def _is_end(end: bytes) -> bool:
    """Whether a file ends as a signed checkpoint does, or as torch's archive."""
    return SIGNED.search(end) is not None or (end[-22:-18] == END_OF_ARCHIVE and end[-2:] == b"\0\0")


def _check_digest(path: Path, content: bytes) -> str | None:
    """The fingerprint in a signed checkpoint; None if it is unsigned: torch's archive, with an empty comment."""
    signed = SIGNED.search(content, max(0, len(content) - MAX_END_BYTES))
    if signed is not None:
        fingerprint, digest = (group.decode() for group in signed.groups())
        if hashlib.sha256(memoryview(content)[:-DIGEST_BYTES]).hexdigest() == digest:
            return fingerprint
    elif _is_end(content):
        return None
    raise CheckpointError(path, "is damaged (its digest differs)" if content else "is damaged (it is empty)")


def _readable(path: Path, content: bytes, *, is_signed: bool) -> bytes:
    """The archive that torch may read: without a digest, a copy of it, whose sums are checked.

    Torch itself checks none, and follows a damaged directory anywhere. It stores plain bytes, so that an archive of
    compressed ones, which could fill the memory, is not its own.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(copy, "w") as target:
            files = archive.infolist()
            if any(file.compress_type != zipfile.ZIP_STORED for file in files):
                raise ValueError("its content is compressed")
            for file in files if not is_signed else ():
                target.writestr(file.filename, archive.read(file))
    except Exception as error:  # zipfile raises anything for damaged bytes
        raise CheckpointError(path, f"is damaged ({_first_line(error)})") from None
    return content if is_signed else copy.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def weights_sha256(network: torch.nn.Module) -> str:
    """A hash of the bits of all parameters and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()
