"""Shared fixtures. Every test passes without MNIST's files: mnist_5k replaces them."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, and the tests' processes would inherit that
os.environ["OMP_NUM_THREADS"] = "1"  # the tests run in parallel, and their processes with them
os.environ["CNNLAB_TRUST"] = "tests"  # whose callbacks stop, kill and fail

import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from tests.disks import CannotMount, small_disk

if TYPE_CHECKING:
    from tests.attack import Attack

REPOSITORY = Path(__file__).parents[1]
SMALL = ("data=mnist_5k", "console=none", "trainer=cpu")
MNIST: dict[str, Any] = {"image_shape": (1, 28, 28), "num_classes": 10}
OTHER_SHAPES = [(3, 32, 32), (1, 8, 8), (1, 20, 28)]

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fast tests first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distributes tests one by one, but those of clusters to a single worker, which starts with them.

    xdist 3.8 has a mark for it, which does nothing since pytest 9.2: github.com/pytest-dev/pytest-xdist/issues/1386.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if path.endswith("test_clusters.py") else nodeid

    return Scheduler(config, log)


@pytest.fixture
def compose_run(tmp_path: Path) -> Iterator[Callable[..., DictConfig]]:
    """Composes a config as train.py does, with Hydra's state and an output folder in tmp_path/run."""

    def compose_config(*overrides: str) -> DictConfig:
        GlobalHydra.instance().clear()
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
            config = compose("train", list(overrides), return_hydra_config=True)
        with open_dict(config):
            config.hydra.runtime.output_dir = str(folder)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        return config

    yield compose_config
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, which a test can fill."""
    try:
        with small_disk(tmp_path / "disk", 4000) as folder:
            yield folder
    except CannotMount as error:
        pytest.skip(f"needs a file system of its own: {error}")


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder that holds MNIST/raw, where there is one."""
    root = Path(os.environ.get("CNNLAB_DATA_DIR", REPOSITORY / "data"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip("CNNLAB_DATA_DIR names no folder with MNIST/raw")
    return root


@pytest.fixture
def attack(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> "Iterator[Attack]":
    """A stranger's folder; nothing is trusted, and the environment is as before when the test ends."""
    from tests.attack import Attack

    before = dict(os.environ)
    os.environ.pop("CNNLAB_TRUST", None)
    yield Attack(tmp_path, capsys, monkeypatch)
    os.environ.clear()
    os.environ.update(before)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reachable mirror: the discard port of this machine refuses connections."""
    from torchvision import datasets

    for published in (datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST):
        monkeypatch.setattr(published, "mirrors", ["http://127.0.0.1:9/"])
