"""What every source of images offers, and the check of what its files hold."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from cnnlab.errors import UserError


class Images(NamedTuple):
    """A data set as it was published, before any split or normalisation."""

    train_images: torch.Tensor  # (N, H, W) or (N, C, H, W) uint8
    train_labels: torch.Tensor  # (N,) int64, from 0
    test_images: torch.Tensor  # (M, H, W) or (M, C, H, W) uint8
    test_labels: torch.Tensor  # (M,) int64


class Source(Protocol):
    """Files that hold a data set, here or in reach."""

    sha256: dict[str, str]

    def missing(self) -> list[Path]:
        """The files that are not here."""
        ...

    def download(self) -> None:
        """Fetches the missing files; raises `OSError` when that cannot be done."""
        ...

    def load(self) -> Images:
        """Reads the files, each checked against its SHA-256."""
        ...


def check_sha256(path: Path, content: bytes, expected: str) -> None:
    """Refuses content that is not what was published.

    Args:
        path: Where the content came from, for the message.
        content: The bytes whose hash is published.
        expected: Their SHA-256, in hexadecimal.

    Raises:
        UserError: If the hashes differ.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise UserError(
            f"{path} is damaged or another file: its content has SHA-256 {found}, expected {expected}; "
            "replace the file, or delete it to have it downloaded"
        )
