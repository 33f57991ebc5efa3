"""A network that gets much out of few parameters."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from cnnlab.nn.conv_pool import ConvPool


class Compact(nn.Module):
    """A 5×5 and three 3×3 convolutions without padding, each with a batch norm, and one linear layer.

    Padding would spend arithmetic on empty borders; the last maps, 2×2, keep the place of what they found.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        channels: Of the four convolutions.
        dropout: Probability that a feature is dropped before the last layer.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        channels: Sequence[int] = (16, 24, 32, 36),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        first, second, third, fourth = channels
        self.layers = nn.Sequential(
            ConvPool(nn.Conv2d(1, first, 5), pool()),  # (B, c, 24, 24), then (B, c, 12, 12)
            *(nn.BatchNorm2d(first), activation()),
            *(nn.Conv2d(first, second, 3, bias=False), nn.BatchNorm2d(second), activation()),  # (B, c, 10, 10)
            *(nn.Conv2d(second, third, 3, bias=False), nn.BatchNorm2d(third), activation()),  # (B, c, 8, 8)
            pool(),  # (B, c, 4, 4)
            *(nn.Conv2d(third, fourth, 3, bias=False), nn.BatchNorm2d(fourth), activation()),  # (B, c, 2, 2)
            *(nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * fourth, 10)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
