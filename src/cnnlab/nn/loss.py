"""Losses that torch lacks."""

import torch
from torch import nn
from torch.nn import functional


class SoftmaxMSELoss(nn.Module):
    """Mean squared error between the softmax output and the one-hot target.

    For logits z and class y: mean over batch and classes of (softmax(z)ⱼ - [j = y])². Its gradient carries the
    factor p(1 - p), so a confidently wrong network hardly learns: the lecture's reason for cross-entropy.

    Reference:
        Golik, Doetsch and Ney, "Cross-entropy vs. squared error training", 2013, eq. 6.
    """

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean loss, a scalar, of logits (B, C) and labels (B,) int64."""
        classes = torch.arange(logits.shape[1], device=labels.device)
        target = (labels[:, None] == classes).to(logits.dtype)  # torch's one_hot cannot be vmapped
        return functional.mse_loss(logits.softmax(dim=1), target)


def is_cross_entropy(loss: nn.Module) -> bool:
    """Whether a loss is the plain cross-entropy, -log softmax(z)[y], mean over the batch.

    Args:
        loss: Logits (B, C) and labels (B,), all of them classes, to a scalar.
    """
    return (
        type(loss) is nn.CrossEntropyLoss
        and loss.weight is None
        and loss.label_smoothing == 0
        and loss.reduction == "mean"
        and loss.ignore_index < 0
    )
