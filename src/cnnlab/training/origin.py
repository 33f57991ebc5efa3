"""Whose mistake an error in a fit is: a callback's settings may only fail there."""

import traceback
from types import FrameType

import torch
from lightning import Callback, LightningModule
from omegaconf import DictConfig
from torch.optim import Optimizer

from cnnlab.errors import UserError
from cnnlab.experiment.callbacks import LIGHTNINGS, lightning_class

CONNECTOR = "lightning.pytorch.trainer.connectors.checkpoint_connector"
KINDS = (ValueError, TypeError, AttributeError, AssertionError, RuntimeError)


def users_mistake(error: Exception, config: DictConfig) -> UserError | None:
    """What to tell about an error that one of Lightning's callbacks raises because of its settings.

    A user's own class keeps its traceback, and so do errors of cnnlab, of the network and of the machine.

    Args:
        error: As raised by the fit.
        config: The run's config.

    Returns:
        The mistake, or None if it is not one.
    """
    if not isinstance(error, KINDS) or isinstance(error, torch.OutOfMemoryError | UserError):
        return None
    frames = reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)])  # where it was raised first
    place = next((found for frame in frames if (found := _place(frame, config)) is not None), None)
    return UserError(f"{place}: {' '.join(str(error).split())}") if place else None


def is_of_restoring(error: Exception) -> bool:
    """Whether Lightning met an error while it restored the parts of a checkpoint, which then does not fit the run."""
    if isinstance(error, UserError | torch.OutOfMemoryError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(
        frame.f_globals.get("__name__") == CONNECTOR and frame.f_code.co_name.lstrip("_").startswith("restore")
        for frame in frames
    )


def _place(frame: FrameType, config: DictConfig) -> str | None:
    """The config's part whose code this is; an empty text for code that no config sets, None for a helper of either."""
    module, owner = str(frame.f_globals.get("__name__")), frame.f_locals.get("self")
    if isinstance(owner, Callback) and module.startswith(LIGHTNINGS):
        names = [
            name
            for name, settings in config.callbacks.items()
            if isinstance(settings, DictConfig) and lightning_class(settings) == type(owner).__name__
        ]
        return f"callbacks.{names[0]}" if names else ""
    others = Callback | LightningModule | Optimizer | torch.nn.Module
    return "" if isinstance(owner, others) or module.startswith("cnnlab.") else None
