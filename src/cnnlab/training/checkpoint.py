"""Checkpoints: written atomically, with a digest that is checked before anything is read from them."""

import hashlib
import io
import os
import re
import struct
import traceback
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from cnnlab.errors import UserError
from cnnlab.file_errors import NOT_ALLOWED
from cnnlab.files import make_folder, read_end, read_file, write_atomically

# A checkpoint is torch's zip archive; the archive's comment, at the end of the file, holds the run's fingerprint and
# the SHA-256 of all bytes before the digest. So there is one file, and torch.load reads it as any other.
COMMENT = b"cnnlab checkpoint of run %s, SHA-256 of everything before this: "
SIGNED = re.compile(rb"cnnlab checkpoint of run (\w*), SHA-256 of everything before this: ([0-9a-f]{64})\Z")
DIGEST_BYTES = 64
MAX_END_BYTES = 256  # more than the last record with its comment
CONNECTOR = "lightning.pytorch.trainer.connectors.checkpoint_connector"
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

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str, str]]:
        """How it is pickled, so that a worker's reaches the caller: by its arguments, which are not the message."""
        return type(self), (self.path, self.reason, self.advice)


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
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
            if any(file.compress_type != zipfile.ZIP_STORED for file in files):
                raise ValueError("its content is compressed")
            if is_signed:
                return content
            with zipfile.ZipFile(copy, "w") as target:
                for file in files:
                    target.writestr(file.filename, archive.read(file))
    except Exception as error:  # zipfile raises anything for damaged bytes
        raise CheckpointError(path, f"is damaged ({_first_line(error)})") from None
    return copy.getvalue()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def weights_sha256(network: torch.nn.Module) -> str:
    """A hash of the bits of all parameters and buffers, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(bits(tensor))
    return digest.hexdigest()


def bits(tensor: torch.Tensor) -> bytes:
    """The memory of a tensor's values, in order."""
    return tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()


def is_of_restoring(error: Exception) -> bool:
    """Whether Lightning met an error while it restored the parts of a checkpoint, which then does not fit the run."""
    if isinstance(error, UserError | torch.OutOfMemoryError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(
        frame.f_globals.get("__name__") == CONNECTOR and frame.f_code.co_name.lstrip("_").startswith("restore")
        for frame in frames
    )
