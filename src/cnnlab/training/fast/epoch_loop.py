"""Lightning's loop over an epoch's batches, without the calls that do nothing."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.plugins.precision import Precision
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.model_helpers import is_overridden

from cnnlab.data import ImageDataModule
from cnnlab.training.fast.profiler import NoProfiler

STEP_HOOKS = (
    *("on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_train_batch_end"),
)


class LeanEpochLoop(_TrainingEpochLoop):
    """A step of automatic optimisation with those hooks only that somebody has written.

    Lightning's own loop makes some fifty calls a step, most of them to hooks that are empty: half a millisecond, a
    tenth of the lecture's step. Here a plain fit (one device, full precision, no accumulation, no clipping, no
    profiler, no schedule that waits for a metric, data that is on the device already) makes the same calls in the same
    order as far as they do something, and keeps the same counts; every other fit, and the first step after a resume,
    is left to Lightning.

    Args:
        trainer: Whose fit it is; its callbacks are complete.
        min_steps: As in Lightning.
        max_steps: As in Lightning.
    """

    def __init__(self, trainer: Trainer, min_steps: int | None = None, max_steps: int = -1) -> None:
        super().__init__(trainer, min_steps, max_steps)
        self._hooks: dict[str, list[Callable[..., Any]]] | None = None

    def on_run_start(self, data_fetcher: Any) -> None:
        """Looks, once an epoch, for what has to be called."""
        super().on_run_start(data_fetcher)
        self._hooks = _written_hooks(self.trainer) if _is_plain(self.trainer) else None

    def advance(self, data_fetcher: Any) -> None:
        """One batch."""
        if self._hooks is None or self.restarting:
            super().advance(data_fetcher)
            return
        trainer, progress = self.trainer, self.batch_progress
        self.val_loop.restarting = False
        batch, _, _ = next(data_fetcher)
        batch_idx = self.batch_idx + 1
        progress.is_last_batch = data_fetcher.done
        progress.increment_ready()
        trainer._logger_connector.on_batch_start(batch)
        self._call("on_train_batch_start", batch, batch_idx)
        progress.increment_started()
        outputs = self._optimize(batch, batch_idx)
        progress.increment_processed()
        if trainer.lr_scheduler_configs:
            self.update_lr_schedulers("step", update_plateau_schedulers=False)
            if self._num_ready_batches_reached():
                self.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        self._call("on_train_batch_end", outputs, batch, batch_idx)
        self._take_logged()
        progress.increment_completed()

    def on_advance_end(self, data_fetcher: Any) -> None:
        """Evaluates, if it is time to."""
        if self._hooks is None or self.batch_progress.is_last_batch or self.trainer.should_stop:
            super().on_advance_end(data_fetcher)
            return
        self._batches_that_stepped += 1
        if self.trainer.received_sigterm:
            raise SIGTERMException

    def _take_logged(self) -> None:
        """Gives the loggers what somebody's `self.log` has left in this step."""
        results, connector = self._results, self.trainer._logger_connector
        if any(results.valid_items()):
            connector.on_batch_end()
            connector.update_train_step_metrics()
        else:
            results.batch, results.batch_size = None, None

    def _optimize(self, batch: Any, batch_idx: int) -> dict[str, torch.Tensor]:
        module, optimizer = self.trainer.lightning_module, self.trainer.optimizers[0]
        progress = self.automatic_optimization.optim_progress.optimizer
        outputs: dict[str, torch.Tensor] = {}

        def closure() -> torch.Tensor:
            module._current_fx_name = "training_step"
            loss = module.training_step(batch, batch_idx)
            assert isinstance(loss, torch.Tensor)
            progress.zero_grad.increment_ready()
            self._call("on_before_zero_grad", optimizer)
            progress.zero_grad.increment_started()
            module.optimizer_zero_grad(self.trainer.current_epoch, batch_idx, optimizer)
            progress.zero_grad.increment_completed()
            self._call("on_before_backward", loss)
            module.backward(loss)
            self._call("on_after_backward")
            self._call("on_before_optimizer_step", optimizer)
            outputs["loss"] = loss.detach()
            return loss

        progress.step.increment_ready()
        optimizer.step(closure)
        progress.step.increment_completed()
        return outputs

    def _call(self, hook: str, *arguments: Any) -> None:
        assert self._hooks is not None
        calls = self._hooks[hook]
        if calls:
            self.trainer.lightning_module._current_fx_name = hook
            for call in calls:
                call(*arguments)


def _is_plain(trainer: Trainer) -> bool:
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and isinstance(trainer.profiler, NoProfiler)  # type: ignore[attr-defined]
        and isinstance(trainer.datamodule, ImageDataModule)  # type: ignore[attr-defined]
        and len(trainer.optimizers) == 1
        and trainer.lightning_module.automatic_optimization
        and trainer.val_check_batch == trainer.num_training_batches
        and not any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs)
    )


def _written_hooks(trainer: Trainer) -> dict[str, list[Callable[..., Any]]]:
    module = trainer.lightning_module
    hooks: dict[str, list[Callable[..., Any]]] = defaultdict(list)
    for hook in STEP_HOOKS:
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if is_overridden(hook, callback, Callback):
                hooks[hook].append(_with_trainer(getattr(callback, hook), trainer, module))
        if is_overridden(hook, module, LightningModule):
            hooks[hook].append(getattr(module, hook))
    return hooks


def _with_trainer(call: Callable[..., Any], trainer: Trainer, module: LightningModule) -> Callable[..., Any]:
    return lambda *arguments: call(trainer, module, *arguments)
