"""Composes configs with a user's own files, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from tests.conftest import REPOSITORY


@contextmanager
def hydra_loader() -> Iterator[ConfigLoader]:
    """Hydra's loader of conf/."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def composed(*overrides: str, folder: Path | None = None) -> DictConfig:
    """A config with Hydra's part, inside `hydra_loader`.

    Args:
        folder: With more options, as `--config-dir` names it.
    """
    more = [] if folder is None else [f"hydra.searchpath=['file://{folder}']"]
    return compose("train", [*more, *overrides], return_hydra_config=True)


def write(folder: Path, path: str, text: str) -> None:
    """Writes a config file of the whole config: `experiment/mine` with its text below the header."""
    file = folder / f"{path}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"# @package _global_\n{text}")
