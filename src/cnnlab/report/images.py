"""The test images and the names of the classes that a sweep's runs saw, if the data set's files are still there."""

import hashlib
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnlab.data_files import find_files, gunzip
from cnnlab.errors import UserError
from cnnlab.files import read_file
from cnnlab.report.runs import Run
from cnnlab.run.folder import RunFolder

TEST_IMAGES = 2  # the place of their file among the four of a data set like MNIST
MAX_BYTES = 1 << 28
UNUSABLE = (
    *(UserError, OSError, OmegaConfBaseException, LookupError, TypeError, ValueError, AttributeError, struct.error),
)

Pixels = list[list[int]]  # rows from top to bottom, 0 to 255


def class_names(run: Run) -> list[str] | None:
    """The names of the classes of a run's data set; None if its record does not tell them.

    Args:
        run: One that used the data set that its config requests.
    """
    try:
        return [str(name) for name in _data(run).classes]
    except UNUSABLE:
        return None


def read_test_images(run: Run, indices: Sequence[int]) -> list[Pixels] | None:
    """Some test images of a run's data set; None if its files are not there, are others, or are not like MNIST's.

    Args:
        run: One that used the data set that its config requests.
        indices: Of the images, in the order of the data set.
    """
    try:
        files = _data(run).files
        sha256 = {str(name): str(digest) for name, digest in files.sha256.items()}
        name = list(sha256)[TEST_IMAGES]
        path = find_files(Path(files.folder), str(files.mirrored_as), sha256)[name]
        content = read_file(path, MAX_BYTES)
        if path.suffix == ".gz" and not name.endswith(".gz"):
            content = gunzip(content, MAX_BYTES)
        if hashlib.sha256(content).hexdigest() != sha256[name].lower():
            return None
        num, height, width = struct.unpack(">III", content[4:16])
        images = np.frombuffer(content, np.uint8, count=math.prod((num, height, width)), offset=16)
        return [image.tolist() for image in images.reshape(num, height, width)[list(indices)]]
    except UNUSABLE:
        return None


def _data(run: Run) -> DictConfig:
    if "instead_of" in run.result["data"]:
        raise UserError("the run used a fallback")
    config = RunFolder(run.path).config()
    if root := run.result["params"].get("data.root"):
        OmegaConf.update(config, "data.root", root)  # where it was then: the environment may name another folder now
    if not isinstance(config.data, DictConfig):
        raise UserError("the run's record is not a run's")
    return config.data
