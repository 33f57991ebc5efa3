"""Silences Lightning's messages that do not apply here."""

import logging
import warnings

import torch


def quieten() -> None:
    """Silences Lightning's hints on hardware and products, and warnings that do not apply here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning 2.6 on torch from 2.9
    warnings.filterwarnings("ignore", "The number of training batches .* is smaller than the logging interval")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # no validation images
    warnings.filterwarnings("ignore", "The `srun` command is available")  # use hydra/launcher=slurm
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time on every tensor
