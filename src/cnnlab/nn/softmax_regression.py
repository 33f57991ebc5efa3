"""The simplest classifier: the baseline for a network."""

import math
from collections.abc import Sequence

import torch
from torch import nn


class SoftmaxRegression(nn.Module):
    """One linear layer from the pixels to the logits: 7,850 parameters for MNIST.

    Args:
        image_shape: Channels, height and width of an image.
        num_classes: Logits of an image.
    """

    def __init__(self, *, image_shape: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, num_classes) of images (B, *image_shape)."""
        logits: torch.Tensor = self.layers(images)
        return logits
