"""`hydra/launcher=slurm`."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.extras import require

OF_ANY_CLUSTER = (  # submitit prefixes the others
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout"),
)


class SlurmLauncher(SweepLauncher):
    """Runs a sweep's jobs on a Slurm cluster.

    Args:
        submitit_folder: Of submitit's files.
        array_parallelism: How many jobs are in the queue at a time.
        cpus_per_task: Cores of each, and threads.
        max_num_timeout: How often a job may reach its time limit and go on.
        poll_s: Between two looks at the queue.
        parameters: The others of hydra-submitit-launcher's `submitit_slurm`.
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
        """Refuses to start without the package."""
        require("slurm", "submitit")

    @property
    def num_at_a_time(self) -> int:
        """As many as are in the queue."""
        return self._array_parallelism

    def make_engine(self, config: DictConfig) -> Engine:
        """The cluster that `sbatch` knows."""
        from cnnlab.sweep.engines.slurm import SlurmEngine

        parameters = {
            **self._parameters,
            "array_parallelism": self._array_parallelism,
            "cpus_per_task": self._cpus_per_task,
        }
        return SlurmEngine(
            Path(self._submitit_folder).resolve(),
            {name if name in OF_ANY_CLUSTER else f"slurm_{name}": value for name, value in parameters.items()},
            max_num_timeout=self._max_num_timeout,
            threads=self._cpus_per_task,
            num_at_a_time=self._array_parallelism,
            poll_s=self._poll_s,
        )
