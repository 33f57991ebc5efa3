"""`hydra/launcher=ray`."""

import os
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep import SweepLauncher
from cnnlab.sweep.engines import Engine
from cnnlab.sweep.extras import require

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # 0 restricts Ray to loopback, on every system; read at import


class RayLauncher(SweepLauncher):
    """Runs a sweep's jobs on a Ray cluster.

    Args:
        ray: As in hydra-ray-launcher: `init` has the arguments of `ray.init`, `remote` those of `ray.remote`.
    """

    def __init__(self, ray: DictConfig) -> None:
        settings: Any = OmegaConf.to_container(ray, resolve=True)
        self._init, self._remote = settings["init"], settings["remote"]

    def check_available(self) -> None:
        """Raises an error if the package is missing."""
        require("ray", "ray")

    @property
    def num_at_a_time(self) -> None:
        """Unknown: as many as the cluster has room for."""
        return None

    def make_engine(self, config: DictConfig) -> Engine:
        """The engine for the cluster at that address, or for one on this machine."""
        if self._init.get("address") is None:
            os.environ.setdefault(LOOPBACK, "0")  # else anyone who can reach this machine could run code on it
        from cnnlab.sweep.engines.ray import RayEngine

        threads = max(1, int(self._remote.get("num_cpus", 1)))
        return RayEngine(self._init, self._remote, threads=threads, folder=self.folder)
