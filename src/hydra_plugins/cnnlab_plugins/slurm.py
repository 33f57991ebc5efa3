"""`hydra/launcher=slurm`."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.extras import require

OURS = ("max_num_timeout", "poll_s", "submitit_folder")
OF_ANY_CLUSTER = (
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name", "stderr_to_stdout"),
)


class SlurmLauncher(SweepLauncher):
    """Runs a sweep's jobs on a Slurm cluster.

    Args:
        parameters: Those of hydra-submitit-launcher's `submitit_slurm`, and `poll_s`, between two looks at the queue.
    """

    def __init__(self, **parameters: Any) -> None:
        self.parameters = {
            name: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for name, value in parameters.items()
        }

    @property
    def num_at_a_time(self) -> int:
        """How many are in the queue at a time."""
        return int(self.parameters["array_parallelism"])

    def make_engine(self, config: DictConfig) -> Engine:
        """The cluster that `sbatch` knows."""
        require("slurm", "submitit")
        from cnnlab.sweep.engines.slurm import SlurmEngine

        of_slurm = {name: value for name, value in self.parameters.items() if name not in OURS}
        return SlurmEngine(
            self.folder.resolve() / ".submitit",
            {name if name in OF_ANY_CLUSTER else f"slurm_{name}": value for name, value in of_slurm.items()},
            max_num_timeout=self.parameters["max_num_timeout"],
            threads=self.parameters["cpus_per_task"],
            num_at_a_time=self.num_at_a_time,
            poll_s=self.parameters["poll_s"],
        )
