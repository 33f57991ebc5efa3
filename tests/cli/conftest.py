"""The command line in this process, up to where a run would begin."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hydra
import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from cnnlab.cli.main import command_line
from cnnlab.experiment.folder import config_folder
from cnnlab.program import program

Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def composed() -> list[DictConfig]:
    """The configs of the runs that would have begun."""
    return []


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, composed: list[DictConfig]
) -> Iterator[Typed]:
    """Exit code and output of `python train.py ARGUMENT …` in an empty folder; a run only stores its config."""
    monkeypatch.chdir(tmp_path)
    OmegaConf.register_new_resolver("program", program, replace=True)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        composed.clear()
        main = hydra.main(config_path=str(config_folder()), config_name="train", version_base="1.3")
        code = command_line(main(store))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    def store(config: DictConfig) -> None:
        OmegaConf.set_struct(config, False)
        config.output_dir = HydraConfig.get().runtime.output_dir
        composed.append(config)

    yield run
    HydraConfig.instance().cfg = None
