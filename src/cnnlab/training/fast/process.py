"""Process-wide settings for a fit."""

from lightning import Callback, LightningModule, Trainer

from cnnlab.training.fast.devices import cache_gpu_check
from cnnlab.training.fast.memory import keep_freed_memory


class ProcessSettings(Callback):
    """Applies the settings when training starts, after the memory used to read the data has been returned."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps freed memory from now on, and caches the check for a GPU."""
        keep_freed_memory()
        cache_gpu_check()
