"""`hydra/sweeper=grid`."""

import itertools
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from cnnlab.errors import SweepFailed, UserError
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
        self._context, self.config = settled(hydra_context), config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self._context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs all combinations."""
        assert self.config is not None
        params = [f"{key}={value}" for key, value in dict[str, Any](self.params or {}).items()]
        parser = OverridesParser.create(config_loader=self._context.config_loader)
        last = {override.get_key_element(): override for override in parser.parse_overrides([*params, *arguments])}
        jobs = [list(job) for job in itertools.product(*map(_values, last.values()))]
        check_jobs(self._context.config_loader, self.config, jobs)
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
    if key.partition(".")[0] == "sweep":
        raise UserError(f"{override.input_line}: a sweep's own settings cannot be swept; give {key} a single value")
    if not override.is_discrete_sweep():
        raise UserError(
            f"{override.input_line}: an interval has no finite list of values; give values, or search it with "
            "hydra/sweeper=optuna"
        )
    check_choices(override)
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
