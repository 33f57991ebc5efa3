"""Weight averaging during the fit; the average is evaluated and kept in place of the weights."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cnnlab.data import ImageDataModule, evenly_spaced
from cnnlab.nn.batch_norm import has_running_statistics, recompute_running_statistics

NUM_IMAGES = 5000  # for batch norm's statistics: as many as validate, so about as long as a validation


def recompute_batch_norm(trainer: Trainer, network: nn.Module) -> None:
    """Gives averaged weights their own running statistics, from evenly spaced training images, not augmented.

    They are a function of the weights and the data alone: the same bits in every process, and after a resume.

    Args:
        trainer: Whose data module has the images.
        network: Changed in place; nothing happens if no layer keeps statistics.
    """
    if not has_running_statistics(network):
        return
    data, precision = trainer.datamodule, trainer.precision_plugin  # type: ignore[attr-defined]
    assert isinstance(data, ImageDataModule)
    with precision.forward_context():
        images = precision.convert_input(evenly_spaced(data.part("train")[0], NUM_IMAGES))
        recompute_running_statistics(network, images)


def convert_to_precision(trainer: Trainer, module: nn.Module) -> None:
    """Converts a module to the trainer's true precision, such as 64-true.

    Lightning does so only after it has copied the module for an average, and read a checkpoint into it: the copy would
    have another type, and the checkpoint would lose bits.
    """
    if isinstance(trainer.precision_plugin, DoublePrecision | HalfPrecision):
        trainer.precision_plugin.convert_module(module)


class ExponentialMovingAverage(WeightAveraging):
    """Lightning's weight averaging with an exponential window, counted in steps, that grows at the start.

    The n-th update, n = 0, 1, …, makes the average

        a ← dₙ a + (1 - dₙ) w,  dₙ = min(decay, (1 + n) / (10 + n)),

    where the first one takes the weights w as they are. So the average reaches back over the last tenth of the updates
    or so until the decay is reached: a constant decay would keep the first weights for `every_n_steps / (1 - decay)`
    steps, and a bias correction as Adam's would weigh all weights so far alike, those of the first steps too. Before
    the first update, the weights themselves are evaluated and kept.

    Only the parameters are averaged. Batch norm's running statistics are computed for the average whenever it is
    evaluated or kept (`recompute_batch_norm`), which costs about as much as a validation on 5,000 images.

    Args:
        decay: Share of the average that stays at an update, at most: from the 890th on for 0.99, the 80th for 0.9.
        every_n_steps: Steps between updates; the window is about `every_n_steps / (1 - decay)` steps.

    Reference:
        Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992. The growing window is that
        of TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`; Shamir and Zhang, "Stochastic gradient
        descent for non-smooth optimization", 2013, analyse it as polynomial-decay averaging, here with η = 8.
    """

    def __init__(self, decay: float = 0.99, every_n_steps: int = 10) -> None:
        super().__init__(use_buffers=False, multi_avg_fn=_ema(decay))
        self.every_n_steps = every_n_steps
        self._step_of_statistics = -1  # of the update for which batch norm's statistics were computed

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """After every `every_n_steps` steps."""
        return step_idx is not None and (step_idx + 1) % self.every_n_steps == 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copies the module in the precision in which it trains."""
        convert_to_precision(trainer, pl_module)
        super().setup(trainer, pl_module, stage)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Swaps the completed average in."""
        self._complete(trainer, pl_module)
        super().on_validation_epoch_start(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Completes the average before the epoch's checkpoint; after a validation there is nothing left to do."""
        super().on_train_epoch_end(trainer, pl_module)
        self._complete(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the completed average."""
        self._complete(trainer, pl_module)
        super().on_train_end(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Saves the completed average, in the middle of an epoch too."""
        self._complete(trainer, pl_module)
        super().on_save_checkpoint(trainer, pl_module, checkpoint)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the average, which Lightning overwrites with a checkpoint's weights of the last step.

        Lightning also omits it when a resumed fit has no steps left.
        """
        if self._average_model is not None:
            self._copy_average_to_current(pl_module)

    def _complete(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the average what its updates lack: statistics, or before the first one everything."""
        average = self._average_model
        if average is None:
            return
        if average.n_averaged == 0:
            average.module.load_state_dict(pl_module.state_dict())
        elif self._step_of_statistics != self._latest_update_step:
            recompute_batch_norm(trainer, average.module)
            self._step_of_statistics = self._latest_update_step


def _ema(decay: float) -> Any:
    def update(averages: Any, weights: Any, num_averaged: Any) -> None:
        num_updates = int(num_averaged)
        get_ema_multi_avg_fn(min(decay, (1 + num_updates) / (10 + num_updates)))(averages, weights, num_averaged)

    return update
