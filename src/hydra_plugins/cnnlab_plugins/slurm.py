"""`hydra/launcher=slurm`."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.extras import require

SUBMITIT_PARAMETERS = (  # submitit prefixes the others
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout"),
)


class SlurmLauncher(SweepLauncher):
    """Runs a sweep's jobs on a Slurm cluster.

    Args:
        submitit_folder: For submitit's files.
        array_parallelism: How many jobs are in the queue at a time.
        cpus_per_task: Cores and threads per job.
        max_num_timeout: How often a job may reach its time limit and be requeued.
        poll_s: Seconds between polls of the queue.
        parameters: The other keys of hydra-submitit-launcher's `submitit_slurm`.
    """

    def __init__(
        self,
        submitit_folder: str,
        array_parallelism: int,
        cpus_per_task: int,
        max_num_timeout: int,
        poll_s: float,
        **parameters: Any,
    ) -> None:
        self._submitit_folder = submitit_folder
        self._array_parallelism = array_parallelism
        self._cpus_per_task = cpus_per_task
        self._max_num_timeout = max_num_timeout
        self._poll_s = poll_s
        self._parameters = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in parameters.items()
        }

    def check_available(self) -> None:
        """Raises an error if the package is missing."""
        require("slurm", "submitit")

    @property
    def num_at_a_time(self) -> int:
        """The number of jobs in the queue."""
        return self._array_parallelism

    def make_engine(self, config: DictConfig) -> Engine:
        """The engine for the cluster that `sbatch` submits to."""
        from cnnlab.sweep.engines.slurm import SlurmEngine

        parameters = {
            **self._parameters,
            "array_parallelism": self._array_parallelism,
            "cpus_per_task": self._cpus_per_task,
        }
        return SlurmEngine(
            Path(self._submitit_folder).resolve(),
            {name if name in SUBMITIT_PARAMETERS else f"slurm_{name}": value for name, value in parameters.items()},
            max_num_timeout=self._max_num_timeout,
            threads=self._cpus_per_task,
            num_at_a_time=self._array_parallelism,
            poll_s=self._poll_s,
        )
