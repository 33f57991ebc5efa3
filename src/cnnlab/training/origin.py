"""Whose mistake an error in a fit is: the optimiser's or callback's settings may only fail there."""

from collections.abc import Iterator
from types import FrameType

import torch
from lightning import Callback, LightningModule
from omegaconf import DictConfig
from torch.optim import Optimizer

from cnnlab.errors import UserError
from cnnlab.experiment.callbacks import LIGHTNINGS, lightning_class

OPTIMIZERS = ("torch.optim.", "pytorch_optimizer.")
KINDS = (ValueError, TypeError, AttributeError, AssertionError, RuntimeError)


def users_mistake(error: Exception, config: DictConfig) -> UserError | None:
    """What to tell about an error that a library's optimiser or callback raises because of its settings.

    A user's own class keeps its traceback, and so do errors of cnnlab, of the network and of the machine.

    Args:
        error: As raised by the fit.
        config: The run's config.

    Returns:
        The mistake, or None if it is not one.
    """
    if not isinstance(error, KINDS) or isinstance(error, torch.OutOfMemoryError | UserError):
        return None
    place = next((found for frame in _frames(error) if (found := _place(frame, config)) is not None), None)
    return UserError(f"{place}: {' '.join(str(error).split())}") if place else None


def _frames(error: Exception) -> Iterator[FrameType]:
    """Where the error was raised, what called that, and so on."""
    frames, traceback = [], error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return reversed(frames)


def _place(frame: FrameType, config: DictConfig) -> str | None:
    """The config's part whose code this is; an empty text for code that no config sets, None for a helper of either."""
    module, owner = str(frame.f_globals.get("__name__")), frame.f_locals.get("self")
    if isinstance(owner, Optimizer):
        return "optimizer" if type(owner).__module__.startswith(OPTIMIZERS) else ""
    if isinstance(owner, Callback) and module.startswith(LIGHTNINGS):
        names = [
            name
            for name, settings in config.callbacks.items()
            if isinstance(settings, DictConfig) and lightning_class(settings) == type(owner).__name__
        ]
        return f"callbacks.{names[0]}" if names else ""
    is_other = isinstance(owner, Callback | LightningModule | torch.nn.Module) or module.startswith("cnnlab.")
    return "" if is_other else None
