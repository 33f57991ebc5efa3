"""Lightning without its notes and warnings that do not apply here."""

import logging
import warnings

import torch


def quieten() -> None:
    """Silences Lightning's notes on hardware and products, and warnings that do not apply here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning 2.6 on torch from 2.9
    warnings.filterwarnings("ignore", "The number of training batches .* is smaller than the logging interval")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # no validation images
    warnings.filterwarnings("ignore", "The `srun` command is available")  # hydra/launcher=slurm is the way here
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a check for kernels, which costs on every tensor
