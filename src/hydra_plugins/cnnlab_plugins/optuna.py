"""`hydra/sweeper=optuna`."""

from functools import partial
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.extras import require


class OptunaSweeper(Sweeper):
    """Runs the trials of an Optuna study.

    Args:
        sampler: A constructor of `optuna.samplers`.
        pruner: One of `optuna.pruners`.
        storage: A database's URL; None for a journal file in the sweep's folder.
        study_name: The study's in its storage.
        n_trials: How many it is to have: the same command again adds what is missing.
        params: What is searched, and what is set, as overrides; what is typed replaces them.
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
        """Takes what Hydra has."""
        self._context, self.config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Searches."""
        require("optuna", "optuna")
        from cnnlab.sweep.search import Space, search

        assert self.config is not None
        launcher, loader = self._launcher, self._context.config_loader
        if not isinstance(launcher, SweepLauncher):
            raise UserError("hydra/sweeper=optuna takes hydra/launcher=local, slurm or ray, which record what fails")
        params = [f"{key}={value}" for key, value in dict[str, Any](self.params or {}).items()]
        parser = OverridesParser.create(config_loader=loader)
        space = Space.of(parser.parse_overrides([*params, *arguments]))
        return search(
            space,
            launcher,
            compose=partial(loader.load_sweep_config, self.config),
            url=self.storage,
            name=self.study_name,
            num_trials=self.n_trials,
        )
