"""Rejects devices that this machine lacks, before a run's folder is made."""

import os

import torch
from lightning.pytorch.accelerators import AcceleratorRegistry
from omegaconf import DictConfig, ListConfig

from cnnlab.errors import UserError

GPUS = ("gpu", "cuda", "mps")
MIN_PROCESSES = 2  # allowed on one core too: enough to try trainer=ddp


def check_devices(config: DictConfig) -> None:
    """Rejects a trainer that requests a GPU where there is none, or more devices than there are.

    Args:
        config: A composed config.

    Raises:
        UserError: With what to use.
    """
    accelerator, devices = config.trainer.get("accelerator"), config.trainer.get("devices")
    if isinstance(accelerator, str) and accelerator not in (known := _accelerators()):
        raise UserError(f"trainer.accelerator={accelerator} is not allowed; it must be one of {', '.join(known)}")
    if type(devices) is int and devices < 1 and devices != -1:
        raise UserError(f"trainer.devices={devices} is not allowed; it must be a number >= 1, or -1 for all GPUs")
    has_mps = torch.backends.mps.is_available()
    num_gpus = torch.cuda.device_count() or int(has_mps)
    is_missing = {"cuda": torch.cuda.device_count() == 0, "mps": not has_mps, "gpu": num_gpus == 0}
    if is_missing.get(accelerator, False):
        raise UserError(
            f"trainer.accelerator={accelerator} needs a GPU, and torch finds none that it can use on this machine; use "
            "trainer=cpu, or trainer=default, which takes the best device"
        )
    if config.trainer.get("cuda_graph") and training_device(config).type != "cuda":
        raise UserError(
            "trainer.cuda_graph=true needs a CUDA device, and torch finds none that it can use on this machine; use "
            "trainer.cuda_graph=false"
        )
    on_gpu = accelerator in GPUS or (accelerator == "auto" and num_gpus > 0)
    available = num_gpus if on_gpu else max(os.cpu_count() or 1, MIN_PROCESSES)
    what = "GPUs" if on_gpu else "cores, and each device is a process"
    if type(devices) is int and devices > available:
        raise UserError(
            f"trainer.devices={devices} is more than this machine has: {available} {what}; use "
            f"trainer.devices={available} at most"
        )
    if on_gpu and isinstance(devices, ListConfig) and any(type(d) is int and d >= available for d in devices):
        raise UserError(
            f"trainer.devices={list(devices)} names a GPU that this machine lacks; its GPUs are "
            f"{', '.join(map(str, range(available)))}"
        )


def training_device(config: DictConfig) -> torch.device:
    """The kind of device that a run's trainer will use.

    Args:
        config: A composed config.
    """
    is_cuda = config.trainer.get("accelerator") in ("auto", "gpu", "cuda", None) and torch.cuda.is_available()
    return torch.device("cuda" if is_cuda else "cpu")


def _accelerators() -> list[str]:
    return ["auto", "gpu", *sorted(AcceleratorRegistry.available_accelerators())]
