"""The interface of a source of images, and the check of its files."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from cnnlab.errors import UserError


class Images(NamedTuple):
    """A data set as published, before any split or normalisation."""

    train_images: torch.Tensor  # (N, H, W) or (N, C, H, W) uint8
    train_labels: torch.Tensor  # (N,) int64, from 0
    test_images: torch.Tensor  # (M, H, W) or (M, C, H, W) uint8
    test_labels: torch.Tensor  # (M,) int64


class Source(Protocol):
    """The files of a data set, present or downloadable."""

    sha256: dict[str, str]

    def missing(self) -> list[Path]:
        """The missing files."""
        ...

    def download(self) -> None:
        """Downloads the missing files; raises `OSError` if that fails."""
        ...

    def load(self) -> Images:
        """Reads the files and checks their SHA-256."""
        ...


def check_sha256(path: Path, content: bytes, expected: str) -> None:
    """Rejects content that differs from what was published.

    Args:
        path: The file, for the message.
        content: The file's bytes.
        expected: The published SHA-256, in hexadecimal.

    Raises:
        UserError: If the hashes differ.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise UserError(
            f"{path} is damaged or not the published file: its content has SHA-256 {found}, expected {expected}; "
            "replace it, or delete it to download it again"
        )
