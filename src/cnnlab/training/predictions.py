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
    """Saves the predicted class and the probability of the true class of each image of the test, 30 kB.

    The file has the arrays `predicted`, of the smallest unsigned integers that hold all classes, and `probability`,
    float16; both (N,), in the order of the data set. A limited test has the first N images.

    Args:
        path: The file, an `.npz`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._predicted: list[torch.Tensor] = []
        self._probability: list[torch.Tensor] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets an earlier test."""
        self._predicted, self._probability = [], []

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
        self._predicted.append(logits.argmax(dim=1))
        probabilities = logits.float().softmax(dim=1)
        self._probability.append(probabilities.gather(1, labels.unsqueeze(1)).squeeze(1))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the file."""
        if not self._predicted:
            return
        shards = (torch.cat(parts).cpu() for parts in (self._predicted, self._probability))
        predicted, probability = (of_all_processes(shard, trainer).numpy() for shard in shards)
        if trainer.is_global_zero:
            content = io.BytesIO()
            np.savez_compressed(
                content,
                predicted=predicted.astype(np.min_scalar_type(self._num_classes - 1)),
                probability=probability.astype(np.float16),
            )
            write_atomically(self.path, content.getvalue())
