"""Gradients, updates, saturation and dead units of every layer, once an epoch."""

import math
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer

from cnnlab.data import ImageDataModule, evenly_spaced
from cnnlab.nn.modes import evaluation_mode
from cnnlab.observe.statistics import dead_fraction, flat_fraction, gradient_norm, relative_slopes, update_ratio

NUM_IMAGES = 500  # training images on which activations are measured
NOT_ELEMENTWISE = (nn.GLU, nn.LogSoftmax, nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.Softmin)


class LayerStatistics(Callback):
    """Logs each layer's gradients and updates in an epoch's last step of whole batches, and its activations after it.

    Scalars, by layer: `gradient_norm/…`, `update_ratio/…`, `flat/…` (saturated or off) and `dead/…` (units that cannot
    learn). It only observes: the run's numbers are the same with and without it.

    Attributes:
        measures: Whether it does so in this step, which then is eager with `trainer.cuda_graph=true`.
    """

    def __init__(self) -> None:
        self.measures = False
        self._before: dict[str, torch.Tensor] = {}
        self._scalars: dict[str, float] = {}

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Decides whether to measure in this step."""
        self.measures = batch_idx == last_whole_step(trainer)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Stores the weights and measures the gradients."""
        if not self.measures:
            return
        weights = _weights(pl_module)
        self._before = {name: parameter.detach().clone() for name, parameter in weights.items()}
        self._scalars = {f"gradient_norm/{name}": gradient_norm(parameter) for name, parameter in weights.items()}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Measures the update of that step, and the activations after it."""
        if not self.measures:
            return
        for name, parameter in _weights(pl_module).items():
            if name in self._before:
                self._scalars[f"update_ratio/{name}"] = update_ratio(self._before[name], parameter.detach())
        self._scalars |= self._activations(trainer, pl_module)
        for logger in trainer.loggers:
            logger.log_metrics(self._scalars, step=trainer.global_step - 1)  # the step that was measured

    def _activations(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        scalars: dict[str, float] = {}
        handles = []
        for name, module in pl_module.named_modules():
            if _is_activation(module):

                def measure(module: nn.Module, inputs: tuple[torch.Tensor], name: str = name) -> None:
                    slopes = relative_slopes(module.forward, inputs[0])  # past this very hook
                    scalars[f"flat/{name}"] = flat_fraction(slopes)
                    scalars[f"dead/{name}"] = dead_fraction(slopes)

                handles.append(module.register_forward_pre_hook(measure))
        try:
            with evaluation_mode(pl_module), torch.no_grad():
                images = evenly_spaced(data.part("train")[0], NUM_IMAGES)
                pl_module(images.to(next(pl_module.parameters()).dtype))
        finally:
            for handle in handles:
                handle.remove()
        return scalars


def last_whole_step(trainer: Trainer) -> int:
    """The index of the batch whose step is the epoch's last with as many images as any: the last batch may be small.

    With accumulated gradients, a step has several batches. Without any whole step it is the last one.
    """
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, ImageDataModule)
    num_batches, accumulated = int(trainer.num_training_batches), trainer.accumulate_grad_batches
    num_images = math.ceil(data.sizes["train"] / trainer.world_size)  # of each process
    num_whole = min(num_batches, num_images // data.batch_size) // accumulated * accumulated
    return (num_whole or num_batches) - 1


def _weights(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in network.named_parameters() if parameter.ndim >= 2}


def _is_activation(module: nn.Module) -> bool:
    """Whether a module is an elementwise activation of torch's; `activation=identity` is one, whose slope is 1."""
    is_torchs = type(module).__module__ == "torch.nn.modules.activation" or type(module) is nn.Identity
    return is_torchs and not isinstance(module, NOT_ELEMENTWISE)
