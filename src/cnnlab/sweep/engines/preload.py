"""What the fork server loads: all that a run imports, the data that it reads, and the kernels."""

import contextlib
import gc
import importlib

from omegaconf import DictConfig, OmegaConf

from cnnlab.run.machine import commit


def preload(config: str) -> None:
    """Loads them, and keeps the garbage collector from copying them.

    Args:
        config: The config of one job, as YAML, whose data and kernels are loaded.
    """
    gc.disable()
    for module in ("cnnlab.cli.main", "cnnlab.run.execution", "cnnlab.sweep.engines.fork_server"):
        importlib.import_module(module)
    commit()  # its jobs remember it
    _share_data(config)
    _share_kernels(config)
    gc.freeze()  # garbage collection in a job would copy these pages
    gc.enable()


def _share_data(text: str) -> None:
    """Loads the data in one thread: a process with several threads cannot be forked safely."""
    import torch

    from cnnlab.training.build import build_data

    config = OmegaConf.create(text)
    assert isinstance(config, DictConfig)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with contextlib.suppress(Exception):  # a job will report it
        build_data(config).share()
    torch.set_num_threads(threads)


def _share_kernels(text: str) -> None:
    """Loads the kernels, or finds out once that there is no compiler for them."""
    from cnnlab import kernels

    config = OmegaConf.create(text)
    assert isinstance(config, DictConfig)
    if config.get("kernels") == "auto":
        kernels.preload()
