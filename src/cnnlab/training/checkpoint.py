"""Checkpoints that are whole or not there."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from cnnlab.errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that a reader, or a crash at any moment, meets the old content or the new.

    Args:
        path: The file; its folder must exist. A temporary file beside it, on the same filesystem, is renamed.
        content: The new content.
    """
    temporary = path.with_name(f".{path.name}.tmp")  # one name, so that a killed run leaves at most one
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, written atomically and checked when they are read."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint, or leaves the earlier one as it was."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Reads a checkpoint of tensors and plain values."""
        return load_checkpoint(Path(path), map_location, weights_only=weights_only is not False)


def load_checkpoint(path: Path, map_location: Any = "cpu", *, weights_only: bool = True) -> dict[str, Any]:
    """Reads a checkpoint, after a check of its CRC-32 sums, which torch does not look at.

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
        raise UserError(f"{path} is damaged ({damaged}); delete it to begin this run anew")
    checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=weights_only)
    return checkpoint
