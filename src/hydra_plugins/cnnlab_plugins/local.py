"""`hydra/launcher=local`."""

from functools import cached_property

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines.fork_server import Server, Share
from cnnlab.sweep.engines.local import LocalEngine
from cnnlab.sweep.engines.machine import deal


class LocalLauncher(SweepLauncher):
    """Runs a sweep's jobs in processes of this machine.

    Args:
        n_jobs: How many at a time; None for as many as the cores allow.
        threads_per_job: Cores of each.
        timeout_s: A job that runs longer is killed; None for no limit.
    """

    def __init__(self, n_jobs: int | None, threads_per_job: int, timeout_s: float | None) -> None:
        self.n_jobs = n_jobs
        self.threads_per_job = threads_per_job
        self.timeout_s = timeout_s

    @property
    def num_at_a_time(self) -> int:
        """As many as the machine has been dealt out to."""
        return len(self._shares)

    @cached_property
    def _shares(self) -> list[Share]:
        return deal(self.n_jobs, self.threads_per_job)

    def make_engine(self, config: DictConfig) -> LocalEngine:
        """Processes, forked from one that has the data of this config."""
        return LocalEngine(Server(self.threads_per_job, OmegaConf.to_yaml(config)), self._shares, self.timeout_s)
