"""A network's predictions and mistakes: computed here, drawn in figures."""

from typing import Any, NamedTuple

import torch
from lightning import Trainer


class Mistakes(NamedTuple):
    """Wrongly classified images, the most confident first."""

    indices: torch.Tensor  # (K,) int64
    predicted: torch.Tensor  # (K,) int64
    confidence: torch.Tensor  # (K,) the softmax probability of the predicted class


def confusion_matrix(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Counts of images by true class (row) and predicted class (column): (C, C) int64.

    Args:
        logits: (N, C).
        labels: (N,) int64.
    """
    num_classes = logits.shape[1]
    pairs = labels * num_classes + logits.argmax(dim=1)
    return pairs.bincount(minlength=num_classes**2).view(num_classes, num_classes)


def most_confident_mistakes(logits: torch.Tensor, labels: torch.Tensor, num: int) -> Mistakes:
    """The wrong predictions with the highest confidence.

    Args:
        logits: (N, C).
        labels: (N,) int64.
        num: How many at most.
    """
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    indices = wrong[confidence[wrong].argsort(descending=True, stable=True)[:num]]
    return Mistakes(indices, predicted[indices], confidence[indices])


def of_all_processes(shard: torch.Tensor, trainer: Trainer) -> torch.Tensor:
    """What all processes of a distributed evaluation have, in the order of the images.

    Args:
        shard: This process's, one row an image, on the CPU; process r of w evaluates images r, r + w and so on.
        trainer: The evaluation's.
    """
    if trainer.world_size == 1:
        return shard
    shards: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(shards, shard)
    gathered = shard.new_empty(sum(map(len, shards)), *shard.shape[1:])
    for rank, part in enumerate(shards):
        gathered[rank :: trainer.world_size] = part
    return gathered
