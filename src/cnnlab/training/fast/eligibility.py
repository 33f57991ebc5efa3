"""Decides whether a fit can use the lean loop: only if the calls that it omits do nothing.

Tested with Lightning 2.6.6. Functions are compared with those of the classes as imported, so that an override in a
subclass, on an instance or by a patch of the class is detected.
"""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.loops.optimization.automatic import _AutomaticOptimization
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy

from cnnlab.data import ImageDataModule
from cnnlab.data.batches import ShuffledBatches
from cnnlab.errors import UserError
from cnnlab.training.classifier import Classifier

# hooks that the lean loop calls if they are overridden
STEP_HOOKS = (
    *("on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_train_batch_end"),
)
# those of them that are called in the middle of what a CUDA graph holds
HOOKS_IN_GRAPH = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")


def _functions(owner: type, *names: str) -> dict[str, Any]:
    return {name: getattr(owner, name) for name in names}


# methods that it omits, calls differently or whose return value it ignores: they must not be overridden
CLASSIFIER = _functions(
    Classifier,
    *("on_train_batch_start", "training_step", "optimizer_zero_grad", "backward", "optimizer_step"),
    *("configure_gradient_clipping", "clip_gradients", "lr_scheduler_step"),
    *("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"),
    *("_on_before_batch_transfer", "_apply_batch_transfer_handler"),
)
DATA = _functions(ImageDataModule, "on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
STRATEGY = _functions(
    SingleDeviceStrategy,
    *("batch_to_device", "on_train_batch_start", "training_step", "post_training_step"),
    *("pre_backward", "backward", "post_backward", "optimizer_step"),
)
PRECISION = _functions(
    Precision,
    *("convert_input", "train_step_context", "forward_context", "pre_backward", "backward", "post_backward"),
    *("optimizer_step", "_wrap_closure", "_after_closure", "_clip_gradients", "clip_gradients"),
)
CALLBACK_HOOKS = _functions(Callback, *STEP_HOOKS)
MODULE_HOOKS = _functions(LightningModule, *STEP_HOOKS)


def overrides(instance: Any, functions: dict[str, Any]) -> list[str]:
    """The names of those functions that an object overrides."""
    return [
        name
        for name, function in functions.items()
        if getattr(getattr(instance, name, None), "__func__", None) is not function
    ]


def hooks_in_graph(owner: Callback | LightningModule) -> list[str]:
    """The hooks of a callback or a module that a CUDA graph of the step would pass over."""
    functions = CALLBACK_HOOKS if isinstance(owner, Callback) else MODULE_HOOKS
    return overrides(owner, {name: functions[name] for name in HOOKS_IN_GRAPH})


def check_graph(trainer: Trainer) -> None:
    """Rejects a device and callbacks with which a step cannot be a CUDA graph; the config alone is checked before.

    Args:
        trainer: With all its callbacks.

    Raises:
        UserError: With what to do.
    """
    device = trainer.strategy.root_device.type
    if device != "cuda":
        raise UserError(
            f"trainer.cuda_graph=true needs a CUDA device, and this run is on the device {device}; use "
            "trainer.cuda_graph=false"
        )
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if (hooks := hooks_in_graph(callback)) and not hasattr(callback, "measures"):
            raise UserError(
                f"trainer.cuda_graph=true cannot call {hooks[0]} of {type(callback).__name__}, which is in the middle "
                "of what the graph does at once; remove the callback, or use trainer.cuda_graph=false"
            )


def needs_gradients(callback: Callback) -> bool:
    """Whether a callback with such hooks uses them in this step; it says so by an attribute `measures`."""
    return bool(getattr(callback, "measures", True))


def why_not_lean(trainer: Trainer) -> str | None:
    """The first reason to use Lightning's own loop for an epoch, or None."""
    return next((reason for reason, holds in _settings(trainer).items() if holds), None) or _override(trainer)


def _settings(trainer: Trainer) -> dict[str, bool]:
    optimization = trainer.fit_loop.epoch_loop.automatic_optimization
    module = trainer.lightning_module
    return {
        "the strategy is not for a single device": type(trainer.strategy) is not SingleDeviceStrategy,
        "the precision is not 32-true": type(trainer.precision_plugin) is not Precision,
        "a profiler is active": type(trainer.profiler) is not PassThroughProfiler,  # type: ignore[attr-defined]
        "the model is wrapped": trainer.strategy.model is not module,
        "the optimisation is manual": not module.automatic_optimization,
        "the optimisation is not Lightning's own": type(optimization) is not _AutomaticOptimization,
        "backward passes are skipped": getattr(optimization, "_skip_backward", False),
        "gradients are accumulated": trainer.accumulate_grad_batches != 1,
        "gradients are clipped": trainer.gradient_clip_val is not None,
        "there is not exactly one optimiser": len(trainer.optimizers) != 1,
        "the optimiser is Lightning's wrapper": any(
            isinstance(optimizer, LightningOptimizer) for optimizer in trainer.optimizers
        ),
        "a schedule waits for a metric": any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs),
        "the batches are not cnnlab's": type(trainer.train_dataloader) is not ShuffledBatches,
        "validations are not at the ends of epochs": (
            trainer.val_check_batch != trainer.num_training_batches or trainer.check_val_every_n_epoch is None
        ),
    }


def _override(trainer: Trainer) -> str | None:
    parts: list[tuple[str, Any, dict[str, Any]]] = [
        ("LightningModule", trainer.lightning_module, CLASSIFIER),
        ("LightningDataModule", trainer.datamodule, DATA),  # type: ignore[attr-defined]
        ("strategy", trainer.strategy, STRATEGY),
        ("precision plugin", trainer.precision_plugin, PRECISION),
    ]
    for part, instance, functions in parts:
        if names := overrides(instance, functions):
            return f"the {part} overrides {', '.join(names)}"
    return None
