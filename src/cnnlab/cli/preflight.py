"""Hydra's callback before a run or a sweep: rejects an invalid config before Hydra writes a file."""

import sys
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from cnnlab.cli.distributed import is_worker
from cnnlab.cli.show import requested, show_run, show_sweep
from cnnlab.errors import HydraBypass, UserError
from cnnlab.experiment.check import check
from cnnlab.experiment.composed import hydra_values, job_like, texts
from cnnlab.experiment.identity import difference
from cnnlab.experiment.schema import OF_SWEEPS, OURS, check_values
from cnnlab.experiment.settle import settle
from cnnlab.experiment.targets import check_targets
from cnnlab.files import expand_home
from cnnlab.run.claim import check_name, claim
from cnnlab.run.folder import RunFolder
from cnnlab.run.resume import check_same_experiment
from cnnlab.signals import exit_at_once, restored
from cnnlab.sweep.names import name_sweep


class Preflight(Callback):
    """Checks the config and claims the run's folder."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Names the folders of the sweep and its jobs, and checks the sweep's values."""
        try:
            loader = GlobalHydra.instance().config_loader()
            check_targets(config)
            for dropped in settle(config, loader, is_complete=False):  # those of swept options are in the jobs' logs
                print(dropped, file=sys.stderr)
            if request := requested():
                show_sweep(config, loader, request)
                raise SystemExit
            with hydra_values(config):
                _expand_home(config, "hydra.sweep.dir")
                name_sweep(config)
            HydraConfig.instance().set_config(config)  # for ${hydra:…} in the launcher's and the sweeper's values
            first = job_like(config)
            with hydra_values(first):
                check_values(first, skip_unresolved=True)  # a value may refer to one that is swept
            folder = Path(config.hydra.sweep.dir)
            check_name(folder)
            if config.sweep.dry_run and not str(config.hydra.launcher._target_).startswith(OURS):
                raise UserError(
                    "sweep.dry_run=true needs hydra/launcher=local, slurm or ray; others would run the jobs"
                )
            if config.sweep.tune and not str(config.hydra.sweeper._target_).startswith(f"{OURS}grid."):
                raise UserError(
                    f"sweep.tune={config.sweep.tune} is for hydra/sweeper=grid; choose it, or add sweep.tune=false"
                )
            if not config.sweep.resume and folder.exists():
                raise UserError(f"{folder} exists, and sweep.resume=false; choose another sweep.name, or remove it")
        except Exception as error:
            raise HydraBypass(error) from error

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config and claims the folder."""
        try:
            _settle(config, quiet=is_worker())
            if is_worker():
                return  # the first process of the distributed run has done the rest
            if request := requested():
                show_run(config, request)
                raise SystemExit
            HydraConfig.instance().set_config(config)  # Hydra's own next steps; the folder's name depends on it
            _expand_home(config, "hydra.run.dir")
            folder = RunFolder(Path(config.hydra.run.dir))
            check_name(folder.path)
            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.runtime.output_dir = str(folder.path.absolute())
            HydraConfig.instance().set_config(config)
            typed = texts(config.hydra.overrides.task)
            check(config, dict(config.hydra.runtime.choices), typed)
            if config.resume is None:
                _check_single(typed)
            _check_devices(config)
            claim(folder, resume=config.resume is not None)
            check_same_experiment(config)
        except Exception as error:
            raise HydraBypass(error) from error


def _settle(config: DictConfig, *, quiet: bool) -> None:
    """Drops the values of an experiment for options that are not used, and says so."""
    if config.resume is not None and _is_recorded_as_it_is(config):
        return  # by a version that used them
    for dropped in settle(config, GlobalHydra.instance().config_loader()):
        if not quiet:
            print(dropped, file=sys.stderr)


def _is_recorded_as_it_is(config: DictConfig) -> bool:
    try:
        return difference(RunFolder(Path(config.resume)).config(), config) is None
    except (UserError, OmegaConfBaseException):
        return False


def _check_single(typed: list[str]) -> None:
    """Rejects a sweep's settings for a single run, except its name, by which a tracker may group runs."""
    settings = (text for text in typed if text.lstrip("+").startswith(OF_SWEEPS))
    if text := next((text for text in settings if not text.lstrip("+").startswith("sweep.name=")), None):
        raise UserError(f"{text} has no effect on a single run; put -m first, or leave it out")


def _check_devices(config: DictConfig) -> None:
    trainer = config.trainer
    is_plain = trainer.get("accelerator") in ("auto", "cpu", None) and trainer.get("devices") in (1, "auto", None)
    if is_plain and not trainer.get("cuda_graph"):
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
