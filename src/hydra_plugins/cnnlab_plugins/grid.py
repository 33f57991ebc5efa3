"""`hydra/sweeper=grid`."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cnnlab.errors import SweepFailed, UserError
from cnnlab.experiment.composed import job_like
from cnnlab.experiment.loader import settled
from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.check import check_choices, check_jobs
from cnnlab.sweep.launcher import prepare_folder, write_record


class GridSweeper(Sweeper):
    """Runs every combination of the swept values; each value is checked once, before any file is written.

    Args:
        params: Swept and fixed values, as overrides; the command line replaces them.
    """

    def __init__(self, params: DictConfig | None) -> None:
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Stores Hydra's context and config, and makes the launcher."""
        self._context, self.config, self._task_function = settled(hydra_context), config, task_function
        self._launcher = self._make_launcher(config)

    def sweep(self, arguments: list[str]) -> Any:
        """Runs all combinations."""
        assert self.config is not None
        params = [f"{key}={value}" for key, value in dict[str, Any](self.params or {}).items()]
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        last = {override.get_key_element(): override for override in parser.parse_overrides([*params, *arguments])}
        jobs = [list(job) for job in itertools.product(*map(_values, last.values()))]
        try:
            return self._sweep(jobs)
        finally:
            if isinstance(self._launcher, SweepLauncher):
                self._launcher.close()

    def _sweep(self, jobs: list[list[str]]) -> Any:
        assert self.config is not None
        if isinstance(self._launcher, SweepLauncher) and jobs and not self.config.sweep.dry_run:
            self._launcher.warm_up(job_like(self._context.config_loader.load_sweep_config(self.config, jobs[0])))
        check_jobs(self._context.config_loader, self.config, jobs)
        if self.config.sweep.tune:
            tuned = self._tuned(jobs)
            if tuned is None:
                return []
            jobs = tuned
        if not isinstance(self._launcher, SweepLauncher):  # ours write it once they have locked the folder
            folder = Path(self.config.hydra.sweep.dir)
            prepare_folder(folder)
            write_record(self.config, folder)
        try:
            returned = self._launcher.launch(jobs, initial_job_idx=0)
        except SweepFailed:
            self._report()
            raise
        self._report()
        for job in returned:
            _ = job.return_value  # raises an exception of a job in Hydra's own launcher
        return [returned]

    def _tuned(self, jobs: list[list[str]]) -> list[list[str]] | None:
        """Runs the trials that tune the sweep's configurations.

        Returns:
            The sweep's jobs with the chosen values; None if the trials were only listed.
        """
        assert self.config is not None
        if not isinstance(self._launcher, SweepLauncher):
            raise UserError(
                f"sweep.tune={self.config.sweep.tune} needs hydra/launcher=local, slurm or ray; choose one, or add "
                "sweep.tune=false"
            )
        self._launcher.jobs(jobs)  # before any trial, since it may reject them
        from cnnlab.sweep.tuning import tune  # here: Hydra imports this module at every start

        outputs = self._launcher.folder.parent.parent

        def launch(config: DictConfig, trials: Sequence[list[str]]) -> Sequence[JobReturn]:
            launcher = self._successor(config)
            launcher.outputs = outputs
            launcher.next_commands = ()
            return launcher.launch(trials, initial_job_idx=0)

        loader, at_a_time = self._context.config_loader, self._launcher.num_at_a_time
        tuned = tune(self.config, jobs, loader, launch, at_a_time)
        if tuned is None:
            return None
        self._launcher = self._successor(tuned.config)
        return tuned.jobs

    def _successor(self, config: DictConfig) -> SweepLauncher:
        """A launcher of another part of this sweep, which has what the first one has started."""
        launcher = self._make_launcher(config)
        assert isinstance(launcher, SweepLauncher)
        assert isinstance(self._launcher, SweepLauncher)
        launcher.take_over(self._launcher)
        return launcher

    def _make_launcher(self, config: DictConfig) -> Launcher:
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=self._task_function, config=config
        )
        if isinstance(launcher, SweepLauncher) and config.sweep.report:
            launcher.next_commands = ()  # the report says what to look at
        return launcher

    def _report(self) -> None:
        assert self.config is not None
        if self.config.sweep.report and not self.config.sweep.dry_run:
            from cnnlab.report.conclude import conclude  # here, since it takes time to import, and the jobs would wait

            conclude(self.config)


def _values(override: Override) -> list[str]:
    """The single-valued overrides of a sweep override."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if key.lstrip("+").partition(".")[0] in ("sweep", "tuning", "report"):
        raise UserError(f"{override.input_line}: a sweep's own settings cannot be swept; give {key} a single value")
    if not override.is_discrete_sweep():
        raise UserError(
            f"{override.input_line}: an interval has no finite list of values; give values, or search it with "
            "hydra/sweeper=optuna"
        )
    check_choices(override)
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
