"""A run's predictions for the test images, in its folder: without them, noise of images and of seeds are the same."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from cnnlab.data.batches import Batch
from cnnlab.files import write_atomically
from cnnlab.observe.predictions import of_all_processes


class SavePredictions(Callback):
    """Saves the predicted class, the true class and its probability for each image of the test, 30 kB.

    The file has the arrays `predicted` and `label`, of the smallest unsigned integers that hold all classes, and
    `probability`, float16; all (N,), in the order of the data set. A limited test has the first N images.

    Args:
        path: The file, an `.npz`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts: list[torch.Tensor] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets an earlier test."""
        self._parts = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps a batch's predictions."""
        logits, labels = outputs.detach(), batch[1]
        self._num_classes = logits.shape[1]
        probability = logits.float().softmax(dim=1).gather(1, labels.unsqueeze(1)).squeeze(1)
        self._parts.append(torch.stack([logits.argmax(dim=1), labels, probability], dim=1))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the file."""
        if not self._parts:
            return
        table = of_all_processes(torch.cat(self._parts).cpu(), trainer).numpy()
        if trainer.is_global_zero:
            smallest = np.min_scalar_type(self._num_classes - 1)
            predicted, label = (column.astype(smallest) for column in table.T[:2])
            content = io.BytesIO()
            np.savez_compressed(content, predicted=predicted, label=label, probability=table[:, 2].astype(np.float16))
            write_atomically(self.path, content.getvalue())
