"""Hydra's callback before a run or a sweep: it refuses before Hydra makes or changes a file."""

import os
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from cnnlab.errors import Carried, UserError
from cnnlab.experiment.check import check
from cnnlab.experiment.schema import check_values
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import check_same_experiment
from cnnlab.sweep.names import name_sweep


class Preflight(Callback):
    """Checks a config, and claims a run's folder."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Names the sweep's folder and its jobs', and refuses values that are the sweep's own."""
        try:
            name_sweep(config)
            check_values(config)
            folder = Path(config.hydra.sweep.dir)
            if not config.sweep.resume and folder.exists():
                raise UserError(f"{folder} exists, and sweep.resume=false; give another sweep.name, or remove it")
        except Exception as error:
            raise Carried(error) from error

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config, then claims the folder."""
        if "LOCAL_RANK" in os.environ:
            return  # a worker of a distributed run, whose first process has done all this
        HydraConfig.instance().set_config(config)  # Hydra's own next step; the folder's name is made of it
        try:
            check(config, dict(config.hydra.runtime.choices), list(config.hydra.overrides.task))
            RunFolder(Path(config.hydra.run.dir)).claim(resume=config.resume is not None)
            check_same_experiment(config)
        except Exception as error:
            raise Carried(error) from error
