"""Gradient accumulation that changes between epochs, for what Lightning does not do with it."""

import math

from lightning import Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler


def count_steps(trainer: Trainer) -> int:
    """The optimiser steps of the whole fit.

    Lightning's own estimate takes the first epoch's accumulation for all of them.

    Args:
        trainer: The trainer, in the `configure_optimizers` of its module.
    """
    estimate = int(trainer.estimated_stepping_batches)  # also loads the batches
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    scheduler = next((callback for callback in callbacks if isinstance(callback, GradientAccumulationScheduler)), None)
    if scheduler is None or trainer.max_steps != -1:
        return estimate
    factors = map(scheduler.get_accumulate_grad_batches, range(trainer.max_epochs or 0))
    return sum(math.ceil(trainer.num_training_batches / factor) for factor in factors)
