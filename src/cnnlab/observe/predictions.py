"""What a network's predictions say about it: computed here, drawn in figures."""

from typing import NamedTuple

import torch


def confusion_matrix(predicted: torch.Tensor, labels: torch.Tensor, num_classes: int) -> torch.Tensor:
    """How often each class was taken for each.

    Args:
        predicted: Predicted classes, (N,) int64.
        labels: True classes, (N,) int64.
        num_classes: C.

    Returns:
        Counts, (C, C) int64: the row is the true class, the column the predicted one.
    """
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)


class Mistakes(NamedTuple):
    """Wrongly classified images, the most confident first."""

    indices: torch.Tensor  # (K,) int64
    predicted: torch.Tensor  # (K,) int64
    confidence: torch.Tensor  # (K,) the softmax probability of the predicted class


def most_confident_mistakes(logits: torch.Tensor, labels: torch.Tensor, num: int) -> Mistakes:
    """The wrong predictions that the network was surest of.

    Args:
        logits: (N, C).
        labels: (N,) int64.
        num: How many at most.
    """
    confidence, predicted = logits.softmax(dim=1).max(dim=1)
    wrong = (predicted != labels).nonzero().flatten()
    indices = wrong[confidence[wrong].argsort(descending=True, stable=True)[:num]]
    return Mistakes(indices, predicted[indices], confidence[indices])
