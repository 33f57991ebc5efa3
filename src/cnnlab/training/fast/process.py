"""Settings of the whole process for a fit."""

from lightning import Callback, LightningModule, Trainer

from cnnlab.training.fast.devices import ask_for_gpus_once
from cnnlab.training.fast.memory import keep_freed_memory


class ProcessSettings(Callback):
    """Settles the process for steps, once what reading the data has freed has gone back to the system."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps freed memory from now on, and remembers whether there is a GPU."""
        keep_freed_memory()
        ask_for_gpus_once()
