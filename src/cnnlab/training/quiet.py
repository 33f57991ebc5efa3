"""Silences Lightning's messages that do not apply here."""

import logging
import warnings
from pathlib import Path

import torch


def quieten() -> None:
    """Silences Lightning's hints on hardware and products, and warnings that do not apply here.

    What the user asks for is heard: a callback's and a profiler's own report.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    for wanted in ("lightning.pytorch.callbacks", "lightning.pytorch.profilers"):
        logging.getLogger(wanted).setLevel(logging.INFO)
    if logging.getLogger().handlers:
        logging.getLogger("lightning").handlers.clear()  # it would print again what Hydra's console prints
    shared = logging.getLogger("lightning.pytorch.utilities.rank_zero")  # of all modules: hints, and callbacks' reports
    shared.setLevel(logging.INFO)
    if _is_wanted not in shared.filters:
        shared.addFilter(_is_wanted)
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning 2.6 on torch from 2.9
    warnings.filterwarnings("ignore", "GPU available but not used")  # trainer=cpu was chosen
    warnings.filterwarnings("ignore", "TensorFloat32 tensor cores .* not enabled")  # 32-true was chosen
    warnings.filterwarnings("ignore", "The number of training batches .* is smaller than the logging interval")
    warnings.filterwarnings("ignore", "Total length of `list` across ranks is zero")  # no validation images
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # a ModelCheckpoint resumes
    warnings.filterwarnings("ignore", r"`\.fit\(ckpt_path=None\)` was called without a model")  # OnExceptionCheckpoint
    warnings.filterwarnings("ignore", r"\.fit\(ckpt_path=\"last\"\) is set, but there is no last checkpoint")
    warnings.filterwarnings("ignore", "The `srun` command is available")  # use hydra/launcher=slurm
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time on every tensor


def _is_wanted(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or Path(record.pathname).name in ("model_checkpoint.py", "timer.py")
