"""Hydra's callback before a run or a sweep: rejects an invalid config before Hydra writes a file."""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from cnnlab.cli.environment import is_worker
from cnnlab.errors import HydraBypass, UserError
from cnnlab.experiment.check import check
from cnnlab.experiment.schema import OURS, check_values
from cnnlab.files import expand_home
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import check_same_experiment
from cnnlab.signals import exit_at_once, restored
from cnnlab.sweep.names import name_sweep


class Preflight(Callback):
    """Checks the config and claims the run's folder."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Names the folders of the sweep and its jobs, and checks the sweep's values."""
        try:
            _expand_home(config, "hydra.sweep.dir")
            name_sweep(config)
            check_values(config)
            folder = Path(config.hydra.sweep.dir)
            if config.sweep.dry_run and not str(config.hydra.launcher._target_).startswith(OURS):
                raise UserError(
                    "sweep.dry_run=true needs hydra/launcher=local, slurm or ray; others would run the jobs"
                )
            if not config.sweep.resume and folder.exists():
                raise UserError(f"{folder} exists, and sweep.resume=false; choose another sweep.name, or remove it")
        except Exception as error:
            raise HydraBypass(error) from error

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config and claims the folder."""
        if is_worker():
            return  # the first process of the distributed run has done this
        HydraConfig.instance().set_config(config)  # Hydra's own next step; the folder's name depends on it
        try:
            _expand_home(config, "hydra.run.dir")
            check(config, dict(config.hydra.runtime.choices), list(config.hydra.overrides.task))
            _check_devices(config)
            RunFolder(Path(config.hydra.run.dir)).claim(resume=config.resume is not None)
            check_same_experiment(config)
        except Exception as error:
            raise HydraBypass(error) from error


def _check_devices(config: DictConfig) -> None:
    if config.trainer.get("accelerator") in ("auto", "cpu", None) and config.trainer.get("devices") in (
        1,
        "auto",
        None,
    ):
        return
    with restored():
        exit_at_once()
        from cnnlab.training.devices import check_devices  # here, since it loads torch, which takes seconds
    check_devices(config)


def _expand_home(config: DictConfig, key: str) -> None:
    """Expands `~` in a folder that a file of the config names; Hydra does not."""
    folder = OmegaConf.select(config, key)
    if str(folder).startswith("~"):
        with read_write(config.hydra):
            OmegaConf.update(config, key, expand_home(folder))
