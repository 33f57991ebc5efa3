"""`hydra/sweeper=optuna`."""

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.composed import job_like
from cnnlab.experiment.loader import settled
from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.extras import require


class OptunaSweeper(Sweeper):
    """Runs the trials of an Optuna study.

    Args:
        sampler: The config of one of `optuna.samplers`.
        pruner: The config of one of `optuna.pruners`.
        storage: A database URL; None for a journal file in the sweep's folder.
        study_name: The study's name in the storage.
        n_trials: The total number of trials: the same command again runs the remaining ones.
        params: Searched and fixed values, as overrides; the command line replaces them.
    """

    def __init__(
        self,
        sampler: DictConfig,
        pruner: DictConfig,
        storage: str | None,
        study_name: str,
        n_trials: int,
        params: DictConfig | None,
    ) -> None:
        self.storage, self.study_name = storage, str(study_name) if isinstance(study_name, int) else study_name
        self.n_trials, self.params = n_trials, params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Stores Hydra's context and config, and makes the launcher."""
        self._context, self.config = settled(hydra_context), config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the search."""
        require("optuna", "optuna")
        from cnnlab.sweep.search import Space, search

        assert self.config is not None
        launcher, loader, config = self._launcher, self._context.config_loader, self.config
        if not isinstance(launcher, SweepLauncher):
            raise UserError("hydra/sweeper=optuna needs hydra/launcher=local, slurm or ray, which record failures")
        params = [f"{key}={value}" for key, value in dict[str, Any](self.params or {}).items()]
        parser = OverridesParser.create(config_loader=loader)
        space = Space.of(parser.parse_overrides([*params, *arguments]))
        return search(
            space,
            launcher,
            compose=lambda overrides: job_like(loader.load_sweep_config(config, overrides)),
            url=self.storage,
            name=self.study_name,
            num_trials=self.n_trials,
        )
