"""What the callbacks that a user adds may do to a run, for the checkpoints to respect it."""

from lightning import Callback, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, ProgressBar, Timer

from cnnlab.training.fast.eligibility import overrides

OBSERVERS = (LearningRateMonitor, ModelCheckpoint, ProgressBar, Timer)  # they change neither weights nor steps
AFTER_VALIDATION = ("on_validation_end", "on_train_epoch_end", "on_train_end", "on_fit_end")


def uses_hook(trainer: Trainer, hook: str) -> bool:
    """Whether a callback that may change the training has this hook; cnnlab's own are known and do not count.

    Args:
        trainer: The trainer, with all its callbacks.
        hook: The hook's name.
    """
    return any(
        overrides(callback, {hook: getattr(Callback, hook)})
        for callback in trainer.callbacks  # type: ignore[attr-defined]
        if not isinstance(callback, OBSERVERS) and not type(callback).__module__.startswith("cnnlab.")
    )


def may_change_validated_weights(trainer: Trainer) -> bool:
    """Whether a callback may change the weights after their validation, as pruning and stochastic averages do.

    Args:
        trainer: The trainer, with all its callbacks.
    """
    hooks = {name: getattr(Callback, name) for name in AFTER_VALIDATION}
    return any(
        overrides(callback, hooks)
        for callback in trainer.callbacks  # type: ignore[attr-defined]
        if not isinstance(callback, (*OBSERVERS, EarlyStopping)) and not type(callback).__module__.startswith("cnnlab.")
    )
