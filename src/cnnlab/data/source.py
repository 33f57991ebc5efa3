"""The interface of a source of images, and the checks of its files and of what it loads."""

import hashlib
import math
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


class Expected(NamedTuple):
    """What the config says about a data set, for the refusal of files that contradict it."""

    image_shape: list[int]  # channels, height, width
    num_classes: int
    num_train: int
    num_test: int

    @property
    def max_bytes(self) -> int:
        """The largest content of a file: the images of one part, a byte per pixel, and a header."""
        return max(self.num_train, self.num_test) * math.prod(self.image_shape) + 64


class Source(Protocol):
    """The files of a data set, present or downloadable."""

    sha256: dict[str, str]

    def missing(self) -> list[Path]:
        """The missing files."""
        ...

    def download(self) -> None:
        """Downloads the missing files; raises `OSError` if that fails."""
        ...

    def load(self, expected: Expected | None = None) -> Images:
        """Reads the files and checks their SHA-256, and their contents if it is known what they must be."""
        ...


def check_part(
    images: torch.Tensor,
    labels: torch.Tensor,
    files: tuple[Path, Path],
    expected: Expected | None,
    part: str | None = None,
) -> None:
    """Rejects images and labels that do not belong together, or are not what the config says.

    Args:
        images: (N, H, W) or (N, C, H, W).
        labels: (N,).
        files: Where they are from, for the message.
        expected: What the config says; None if only they are compared with each other.
        part: `"train"` or `"test"`; None if they are both.

    Raises:
        UserError: With the file, what is wrong with it, and what is allowed.
    """
    _check_pair(images, labels, files)
    if expected is not None:
        _check_expected(images, labels, files, expected, part)


def _check_pair(images: torch.Tensor, labels: torch.Tensor, files: tuple[Path, Path]) -> None:
    """Rejects what is no images and their labels."""
    images_file, labels_file = files
    if images.ndim not in (3, 4) or labels.ndim != 1:
        wrong, sizes = (labels_file, labels.shape) if labels.ndim != 1 else (images_file, images.shape)
        raise UserError(
            f"{wrong} has the sizes {list(sizes)}; images have 3 or 4 (number, channels if any, height, width), "
            "labels 1; replace the file"
        )
    if len(images) != len(labels):
        raise UserError(
            f"{images_file} has {len(images)} images, but {labels_file} has {len(labels)} labels; there must be a "
            "label for each image: replace the wrong file"
        )


def _check_expected(
    images: torch.Tensor, labels: torch.Tensor, files: tuple[Path, Path], expected: Expected, part: str | None
) -> None:
    """Rejects images and labels that contradict the config."""
    images_file, labels_file = files
    number = {"train": expected.num_train, "test": expected.num_test}.get(part or "", len(images))
    if len(images) != number:
        raise UserError(
            f"{images_file} has {len(images)} images, but data.num_{part}={number}; set data.num_{part} to match, or "
            "replace the file"
        )
    shape = list(with_channels(images).shape[1:])
    if shape != expected.image_shape:
        raise UserError(
            f"{images_file} has images of shape {shape} (channels, height, width), but data.image_shape="
            f"{expected.image_shape}; set data.image_shape to match, or replace the file"
        )
    if len(labels) > 0 and not 0 <= int(labels.min()) <= int(labels.max()) < expected.num_classes:
        raise UserError(
            f"{labels_file} has labels from {int(labels.min())} to {int(labels.max())}, but data.num_classes="
            f"{expected.num_classes} allows 0 to {expected.num_classes - 1}; set data.num_classes and data.classes to "
            "match, or replace the file"
        )


def check_images(name: str, images: Images, expected: Expected) -> None:
    """Rejects a data set that is not what the config says, whatever its source has checked.

    Args:
        name: The data set's name, for the message.
        images: The data set.
        expected: What the config says.

    Raises:
        UserError: If the number of images, their shape or the labels differ from the config.
    """
    for part, (pixels, labels) in {"training": images[:2], "test": images[2:]}.items():
        if len(pixels) != len(labels):
            raise UserError(
                f"data={name} has {len(pixels)} {part} images, but {len(labels)} labels; correct data.files"
            )
    found = (len(images.train_images), len(images.test_images))
    if found != (expected.num_train, expected.num_test):
        raise UserError(
            f"data={name} has {found[0]} training and {found[1]} test images, but data.num_train="
            f"{expected.num_train} and data.num_test={expected.num_test}; set them to match, or correct data.files"
        )
    for pixels in (images.train_images, images.test_images):
        shape = list(with_channels(pixels).shape[1:])
        if shape != expected.image_shape:
            raise UserError(
                f"data={name} has images of shape {shape} (channels, height, width), but data.image_shape="
                f"{expected.image_shape}; set data.image_shape to match, or correct data.files"
            )
    labels = torch.cat([images.train_labels, images.test_labels])
    lowest, highest = int(labels.min()), int(labels.max())
    if (lowest, highest) != (0, expected.num_classes - 1):
        raise UserError(
            f"data={name} has labels from {lowest} to {highest}, but data.num_classes={expected.num_classes} "
            f"needs 0 to {expected.num_classes - 1}; set data.num_classes and data.classes to match, or "
            "correct data.files"
        )


def with_channels(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W) to (N, 1, H, W); (N, C, H, W) as it is."""
    return images.unsqueeze(1) if images.ndim == 3 else images


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
    if found != expected.lower():
        raise UserError(
            f"{path} is damaged or not the published file: its content has SHA-256 {found}, expected {expected}; "
            "replace it, or delete it to download it again"
        )
