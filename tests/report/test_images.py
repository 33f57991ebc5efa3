"""Test images of a sweep's data set, from made-up files."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from cnnlab.report.images import class_names, read_test_images
from cnnlab.report.runs import Run
from tests.report.results import result, write

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
NAMES = ("train-images", "train-labels", "test-images", "test-labels")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose data set has five test images of 4×3 pixels."""
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, 5, 4, 3) + IMAGES.tobytes()
    (tmp_path / "data" / "Tiny" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "Tiny" / "raw" / "test-images").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    files = {"folder": "${data.root}/Tiny/raw", "mirrored_as": "Tiny", "sha256": dict.fromkeys(NAMES, digest)}
    config = {"data": {"root": "elsewhere", "classes": ["coat", "shoe"], "files": files}}
    outcome = result("adam", 0, 0.9)
    outcome["params"]["data.root"] = str(tmp_path / "data")
    folder = write(tmp_path / "run", outcome)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    return Run(folder, outcome)


def file_of(run: Run) -> Path:
    return Path(run.result["params"]["data.root"]) / "Tiny" / "raw" / "test-images"


def test_images_are_read_from_where_they_were_when_it_ran(run: Run):
    assert read_test_images(run, [4, 0]) == IMAGES[[4, 0]].tolist()
    assert class_names(run) == ["coat", "shoe"]


def test_compressed_files_are_read_too(run: Run):
    path = file_of(run)
    path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert read_test_images(run, [1]) == IMAGES[[1]].tolist()


def test_other_or_missing_files_and_a_fallback_have_no_images(run: Run):
    path = file_of(run)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert read_test_images(run, [0]) is None
    path.unlink()
    assert read_test_images(run, [0]) is None
    fallback = Run(run.path, {**run.result, "data": {"name": "mnist_5k", "instead_of": "mnist"}})
    assert class_names(fallback) is None


@pytest.mark.parametrize(
    "content", ["", "data: 1", "data: {files: {sha256: {}}}", "[", "data: {files: null, classes: 3}"]
)
def test_a_damaged_record_has_no_images(run: Run, content: str):
    (run.path / ".hydra" / "config.yaml").write_text(content)
    assert read_test_images(run, [0]) is None
    assert class_names(run) is None
