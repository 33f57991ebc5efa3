"""Errors in a fit that one of Lightning's callbacks raises because of its settings, which may only fail there."""

import traceback
from typing import Any

import torch
from lightning import Callback, LightningModule
from omegaconf import DictConfig
from torch.optim import Optimizer

from cnnlab.errors import UserError, one_line
from cnnlab.experiment.callbacks import LIGHTNINGS, lightning_class

KINDS = (ValueError, TypeError, AttributeError, AssertionError, RuntimeError)
PARTS = (Callback, LightningModule, Optimizer, torch.nn.Module)


def explain_callback_error(error: Exception, config: DictConfig) -> UserError | None:
    """The line for an error of a callback of Lightning's that the config names.

    A user's own class keeps its traceback, and so do errors of cnnlab, of the network and of the machine.

    Args:
        error: As raised by the fit.
        config: The run's config.

    Returns:
        None if the error is of anything else.
    """
    if not isinstance(error, KINDS) or isinstance(error, torch.OutOfMemoryError | UserError):
        return None
    for frame in reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)]):
        part = frame.f_locals.get("self")
        if isinstance(part, PARTS) or str(frame.f_globals.get("__name__")).startswith("cnnlab."):
            name = _name_in_config(part, config)  # the innermost part is to blame, not those that called it
            return None if name is None else UserError(f"callbacks.{name}: {one_line(error)}")
    return None


def _name_in_config(part: Any, config: DictConfig) -> str | None:
    """The name of a callback of Lightning's in the config; None if it is none, or the config has no such callback."""
    kind = type(part)
    if not (isinstance(part, Callback) and kind.__module__.startswith(LIGHTNINGS)):
        return None
    named = (
        str(name)
        for name, settings in config.callbacks.items()
        if isinstance(settings, DictConfig) and lightning_class(settings) == kind.__name__
    )
    return next(named, None)
