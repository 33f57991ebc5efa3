"""`hydra/sweeper=grid`."""

from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnlab.preflight import check_job


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
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        (jobs,) = self.split_arguments(overrides, None)
        seen: set[str] = set()
        for job in jobs:
            if not seen.issuperset(job):
                check_job(self.hydra_context.config_loader, self.config, job)
                seen.update(job)
        if self.config.sweep.dry_run:
            return self.launcher.launch(jobs, initial_job_idx=0)
        return super().sweep(arguments)

    def validate_batch_is_legal(self, batch: Any) -> None:
        """Has been done."""
