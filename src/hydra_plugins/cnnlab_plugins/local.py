"""`hydra/launcher=local`."""

from functools import cached_property
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.composed import without_hydra
from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine

if TYPE_CHECKING:
    from cnnlab.sweep.engines.fork_server import Allocation, Server


class LocalLauncher(SweepLauncher):
    """Runs a sweep's jobs in processes on this machine.

    Args:
        n_jobs: How many jobs at a time; None for as many as the cores allow.
        threads_per_job: Cores per job.
        timeout_s: A job that runs longer is killed; None for no limit.
        jobs_per_gpu: How many jobs share a GPU, which n_jobs then follows from unless it is given; None for any number.
    """

    def __init__(
        self, n_jobs: int | None, threads_per_job: int, timeout_s: float | None, jobs_per_gpu: int | None = None
    ) -> None:
        self.n_jobs = n_jobs
        self.threads_per_job = threads_per_job
        self.timeout_s = timeout_s
        self.jobs_per_gpu = jobs_per_gpu
        self._server: Server | None = None

    def check_available(self) -> None:
        """Rejects a system that cannot fork, or has no GPU that the jobs could share."""
        import multiprocessing  # here: Hydra imports this module at every start

        if "forkserver" not in multiprocessing.get_all_start_methods():
            raise UserError(
                "hydra/launcher=local is unavailable on this system, which cannot fork processes; "
                "use hydra/launcher=basic, which runs one job after the other"
            )
        _ = self._allocations  # now, so that what is wrong with them is said before the sweep's folder is made

    @property
    def num_at_a_time(self) -> int:
        """The number of allocations."""
        return len(self._allocations)

    @cached_property
    def _allocations(self) -> "list[Allocation]":
        from cnnlab.sweep.engines.machine import allocate

        if self.jobs_per_gpu is not None and OmegaConf.select(self.config, "trainer.accelerator") == "cpu":
            raise UserError(
                f"hydra.launcher.jobs_per_gpu={self.jobs_per_gpu} has no effect with trainer.accelerator=cpu; use "
                "trainer=gpu, or leave it out"
            )
        return allocate(self.n_jobs, self.threads_per_job, self.jobs_per_gpu)

    def warm_up(self, config: DictConfig) -> None:
        """Starts the server that forks the jobs, which first loads torch."""
        self.check_available()
        self._server = self._start_server(config)

    def take_over(self, other: SweepLauncher) -> None:
        """Takes the other one's server."""
        if isinstance(other, type(self)):  # Hydra may have loaded this module twice
            self._server, other._server = other._server, None

    def close(self) -> None:
        """Ends the server that no engine has."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def make_engine(self, config: DictConfig) -> Engine:
        """An engine whose processes are forked from a server with this config's data, or with that of `warm_up`."""
        from cnnlab.sweep.engines.local import LocalEngine

        server, self._server = self._server or self._start_server(config), None
        return LocalEngine(server, self._allocations, self.timeout_s)

    def _start_server(self, config: DictConfig) -> "Server":
        from cnnlab.sweep.engines.fork_server import Server

        return Server(self.threads_per_job, OmegaConf.to_yaml(without_hydra(config)))
