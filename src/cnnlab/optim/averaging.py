"""Weight averaging during the fit; the average is evaluated and kept in place of the weights."""

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class ExponentialMovingAverage(WeightAveraging):
    """Lightning's weight averaging with an exponential window, counted in steps.

    The first average is the weights after the first step.

    Args:
        decay: Share of the average that stays at an update.
        every_n_steps: Steps between updates; the window is about `every_n_steps / (1 - decay)` steps.

    Reference:
        Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, decay: float = 0.99, every_n_steps: int = 10) -> None:
        super().__init__(multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.every_n_steps = every_n_steps

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Every `every_n_steps` steps, from the first one on."""
        return step_idx is not None and step_idx % self.every_n_steps == 0

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores the average, which Lightning overwrites with a checkpoint's weights of the last step.

        Lightning also omits it when a resumed fit has no steps left.
        """
        if self._average_model is not None:
            self._copy_average_to_current(pl_module)
