"""`hydra/launcher=local`."""

from functools import cached_property
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.composed import without_hydra
from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine

if TYPE_CHECKING:
    from cnnlab.sweep.engines.fork_server import Allocation


class LocalLauncher(SweepLauncher):
    """Runs a sweep's jobs in processes on this machine.

    Args:
        n_jobs: How many jobs at a time; None for as many as the cores allow.
        threads_per_job: Cores per job.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(self, n_jobs: int | None, threads_per_job: int, timeout_s: float | None) -> None:
        self.n_jobs = n_jobs
        self.threads_per_job = threads_per_job
        self.timeout_s = timeout_s

    def check_available(self) -> None:
        """Rejects a system that cannot fork."""
        import multiprocessing  # here: Hydra imports this module at every start

        if "forkserver" not in multiprocessing.get_all_start_methods():
            raise UserError(
                "hydra/launcher=local is unavailable on this system, which cannot fork processes; "
                "use hydra/launcher=basic, which runs one job after the other"
            )

    @property
    def num_at_a_time(self) -> int:
        """The number of allocations."""
        return len(self._allocations)

    @cached_property
    def _allocations(self) -> "list[Allocation]":
        from cnnlab.sweep.engines.machine import allocate

        return allocate(self.n_jobs, self.threads_per_job)

    def make_engine(self, config: DictConfig) -> Engine:
        """An engine whose processes are forked from a server with this config's data."""
        from cnnlab.sweep.engines.fork_server import Server
        from cnnlab.sweep.engines.local import LocalEngine

        shared = OmegaConf.to_yaml(without_hydra(config))
        return LocalEngine(Server(self.threads_per_job, shared), self._allocations, self.timeout_s)
