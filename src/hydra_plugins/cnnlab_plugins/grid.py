"""`hydra/sweeper=grid`."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnlab.cli.preflight import check_jobs
from cnnlab.errors import UserError
from cnnlab.sweep import SweepLauncher


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper, which checks each swept value once, before it makes a file.

    Hydra's composes each job beforehand, a sixth of a second each, and after its first files.

    Args:
        max_batch_size: As in Hydra.
        params: As in Hydra.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Runs all combinations."""
        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        if self.max_batch_size is not None and isinstance(self.launcher, SweepLauncher):
            raise UserError(
                f"hydra.sweeper.max_batch_size={self.max_batch_size} has no use here: as many jobs run at a time as "
                "there is room for; leave it out"
            )
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        for override in overrides:
            if override.is_sweep_override() and override.key_or_group.partition(".")[0] == "sweep":
                raise UserError(f"{override.input_line}: a sweep is one; give {override.key_or_group} one value")
        (jobs,) = self.split_arguments(overrides, None)
        check_jobs(self.hydra_context.config_loader, self.config, jobs)
        if self.config.sweep.dry_run:
            return self.launcher.launch(jobs, initial_job_idx=0)
        return super().sweep(arguments)

    def validate_batch_is_legal(self, batch: Any) -> None:
        """Has been done."""
