"""Imported by the fork server: loads all that a run imports, and the data that it reads."""

import contextlib
import gc
import importlib
import os

from omegaconf import DictConfig, OmegaConf

from cnnlab.sweep.engines.fork_server import SHARED_CONFIG


def _preload() -> None:
    gc.disable()
    importlib.import_module("cnnlab.cli.main")
    importlib.import_module("cnnlab.run.execution")
    _share_data(os.environ.pop(SHARED_CONFIG, None))
    gc.freeze()  # garbage collection in a job would copy these pages
    gc.enable()


def _share_data(text: str | None) -> None:
    """Loads the data in one thread: a process with several threads cannot be forked safely."""
    import torch

    from cnnlab.training.build import build_data

    if text is None:
        return
    config = OmegaConf.create(text)
    assert isinstance(config, DictConfig)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with contextlib.suppress(Exception):  # a job will report it
        build_data(config).share()
    torch.set_num_threads(threads)


_preload()
