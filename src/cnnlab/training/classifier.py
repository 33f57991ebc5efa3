"""The LightningModule: a network, its loss, its optimiser and its metrics."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cnnlab.data.batches import Batch
from cnnlab.errors import Diverged
from cnnlab.metrics import CRITERION, LOSS, SPLITS
from cnnlab.nn.loss import is_cross_entropy
from cnnlab.nn.places import NetworkParameters
from cnnlab.optim.averaging import convert_to_precision, recompute_batch_norm
from cnnlab.seeding import derive_seed
from cnnlab.training.accumulation import count_steps
from cnnlab.training.totals import Totals

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
SchedulerFactory = Callable[[Optimizer, int], LRScheduler | None]


class Classifier(LightningModule):
    """Trains a network to classify images.

    It logs `train/loss_step` every `trainer.log_every_n_steps` steps, and every epoch `lr` (of the last step) and the
    metrics (`cnnlab.metrics`) of training and of the watched split.

    Args:
        network: Images (B, *image_shape) to logits (B, C).
        loss: Logits (B, C) and labels (B,) to a scalar, the mean over the batch.
        optimizer: Makes the optimiser of the network's parameters.
        scheduler: Makes the learning-rate schedule from the optimiser and the number of steps of the whole fit; None
            for a constant rate.
        seed: Dropout is a function of (seed, epoch, step).
        watch: The split evaluated after every epoch: `"val"` or `"test"`.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory,
        seed: int = 0,
        watch: str = "val",
    ) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.make_optimizer = optimizer
        self.make_scheduler = scheduler
        self.seed = seed
        self.watch = watch
        criterion_is_loss = is_cross_entropy(loss)
        self.train_totals = Totals(criterion_is_loss=criterion_is_loss)
        self.eval_totals = Totals(criterion_is_loss=criterion_is_loss)
        self.lr = math.nan  # of the last step
        self._optimizer_mode = ""
        self.measured: dict[str, float] = {}  # metrics of this epoch so far, or of the test

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, C) of images (B, *image_shape)."""
        logits: torch.Tensor = self.network(images)
        return logits

    def setup(self, stage: str) -> None:
        """Converts the weights before a checkpoint is read into them, so that a resumed fit has the same bits."""
        convert_to_precision(self.trainer, self)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser, and its schedule over all steps of the fit."""
        optimizer = self.make_optimizer(NetworkParameters(self.network))
        scheduler = self.make_scheduler(optimizer, count_steps(self.trainer))
        if scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_epoch_start(self) -> None:
        """Clears the last epoch's metrics, and puts a schedule-free optimiser in training mode."""
        self.measured.clear()
        self._set_optimizer_mode("train")

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seeds this step's dropout."""
        seed = derive_seed(self.seed, "step", self.current_epoch, batch_idx, self.global_rank)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed checks every kind of device: 170 µs a step
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The batch's criterion."""
        criterion, logits = self.compute(batch)
        self.note(criterion, logits, batch, batch_idx)
        return criterion

    def compute(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch's criterion, a scalar, and its logits, (B, C): what a CUDA graph may hold of a step."""
        images, labels = batch
        logits = self(images)
        criterion: torch.Tensor = self.loss(logits, labels)
        return criterion, logits

    def note(self, criterion: torch.Tensor, logits: torch.Tensor, batch: Batch, batch_idx: int) -> None:
        """Keeps what a step has computed for the metrics, and logs it if due.

        Args:
            criterion: A scalar.
            logits: (B, C).
            batch: Images and labels.
            batch_idx: The step's place in the epoch.
        """
        self.train_totals.add(criterion, logits, batch[1])
        if self.trainer.is_last_batch:
            self.lr = self._optimizer().param_groups[0]["lr"]
        if batch_idx % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_step()

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Logs the epoch's training metrics, before its evaluation."""
        if not self.trainer.is_last_batch:
            return
        means = self._pop_means(self.train_totals, "train")
        self._set_optimizer_mode("eval")
        self._log({**means, "lr": self.lr})

    def on_validation_start(self) -> None:
        """Evaluates a schedule-free optimiser's average also if a callback has ended the epoch early."""
        self._set_optimizer_mode("eval")

    def on_train_epoch_end(self) -> None:
        """Keeps that average also if there was no validation."""
        self._set_optimizer_mode("eval")

    def validation_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The batch's logits, (B, C)."""
        return self._evaluate(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The batch's logits, (B, C)."""
        return self._evaluate(batch)

    def on_test_start(self) -> None:
        """Clears the fit's metrics."""
        self.measured.clear()

    def on_validation_epoch_end(self) -> None:
        """Logs the watched split's metrics."""
        self._log_evaluation(self.watch)

    def on_test_epoch_end(self) -> None:
        """Logs the test metrics."""
        self._log_evaluation("test")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the sums of the unfinished epoch, and whether a callback has requested a stop."""
        sums = self.train_totals.snapshot()
        # all processes run this; the first writes the sum and resumes from it
        checkpoint["train_totals"] = None if sums is None else self._reduce(sums)
        checkpoint["should_stop"] = self.trainer.should_stop

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores them."""
        self.train_totals.restore(checkpoint["train_totals"] if self.global_rank == 0 else None)
        if self._trainer is not None:  # None when only the weights are read
            self.trainer.should_stop = checkpoint["should_stop"]

    def _optimizer(self) -> Optimizer:
        optimizer = self.optimizers(use_pl_optimizer=False)
        assert isinstance(optimizer, Optimizer)
        return optimizer

    def _set_optimizer_mode(self, mode: str) -> None:
        # Schedule-free optimisers train at one point, and are evaluated and saved at another, an average. Batch norm's
        # statistics are those of the first: Defazio et al. recompute them before an evaluation, too.
        switch = getattr(self._optimizer(), mode, None)
        if switch is None or mode == self._optimizer_mode:
            return
        switch()
        self._optimizer_mode = mode
        if mode == "eval":
            recompute_batch_norm(self.trainer, self.network)

    def _log_step(self) -> None:
        criterion, loss = (self.train_totals.last_mean(metric) for metric in (CRITERION, LOSS))
        self._check_finite(criterion, loss, "train")
        for logger in self.loggers:
            logger.log_metrics({f"{LOSS.of('train')}_step": loss}, step=self.global_step)

    def _evaluate(self, batch: Batch) -> torch.Tensor:
        images, labels = batch
        logits = self.forward(images)
        self.eval_totals.add(self.loss(logits, labels), logits, labels)
        return logits

    def _log_evaluation(self, split: str) -> None:
        self._log(self._pop_means(self.eval_totals, split))

    def _log(self, metrics: dict[str, float]) -> None:
        self.measured |= metrics
        self.log_dict(metrics, on_step=False, on_epoch=True, sync_dist=True)  # the same in every process already

    def _pop_means(self, totals: Totals, split: str) -> dict[str, float]:
        means = totals.pop_means(self._reduce)
        self._check_finite(means[CRITERION.name], means[LOSS.name], split)
        return {f"{split}/{name}": mean for name, mean in means.items()}

    def _reduce(self, sums: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = self.trainer.strategy.reduce(sums, reduce_op="sum")
        return total

    def _check_finite(self, criterion: float, loss: float, split: str) -> None:
        for metric, value in ((LOSS, loss), (CRITERION, criterion)):
            if not math.isfinite(value):
                place = "" if self.trainer.testing else f" in epoch {self.current_epoch + 1}, step {self.global_step}"
                raise Diverged(f"the {SPLITS[split]} {metric.title} became {value}{place}")
