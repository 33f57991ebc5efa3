"""Run folders as runs leave them, made without a run."""

import functools
import json
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf, open_dict

from cnnlab.run.flaws import MAPPINGS
from cnnlab.run.folder import RunFolder
from cnnlab.sweep import Job
from tests.conftest import REPOSITORY


def job(folder: Path) -> Job:
    """A job that has not started."""
    return Job(folder.name, (), RunFolder(folder))


def begin(job: Job) -> None:
    """Writes Hydra's record."""
    record = job.folder.path / ".hydra"
    record.mkdir(parents=True)
    for name, text in _record().items():
        (record / name).write_text(text)


@functools.cache
def _record() -> dict[str, str]:
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        config = compose("train", ["data=mnist_5k", "seed=3"], return_hydra_config=True)
    with open_dict(config):
        hydra = config.pop("hydra")
    return {
        "config.yaml": OmegaConf.to_yaml(config),
        "hydra.yaml": OmegaConf.to_yaml({"hydra": hydra}),
        "overrides.yaml": OmegaConf.to_yaml(hydra.overrides.task),
    }


def end(job: Job, status: str, error: str | None = None, **more: Any) -> None:
    """Writes the part of result.json that a sweep reads."""
    (job.folder.path / "result.json").write_text(result(status, error, **more))


def result(status: str, error: str | None = None, **more: Any) -> str:
    """The content of a result.json, as far as a sweep reads it."""
    read: dict[str, Any] = {key: {} for key in MAPPINGS} | {"overrides": []}
    return json.dumps(read | {"status": status, "error": error} | more)


def run_in(folder: Path, status: str | None = None, error: str | None = None) -> RunFolder:
    """A run that has started, with a result if it has a status."""
    one = job(folder)
    begin(one)
    if status is not None:
        end(one, status, error)
    return one.folder
