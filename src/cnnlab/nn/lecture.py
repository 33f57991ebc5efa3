"""The lecture's network."""

from collections.abc import Callable

import torch
from torch import nn

from cnnlab.nn.conv_pool import ConvPool


class LectureNet(nn.Module):
    """Two 5×5 convolutions and two linear layers: 21,840 parameters.

    Pooling comes before the activation, as in the lecture. Whole maps are dropped after the second pooling and not
    before it: the same numbers, since a pooled map is dropped or scaled as its pixels are.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        channel_dropout: Probability that a whole map of the second convolution is dropped.
        dropout: Probability that a hidden unit is dropped before the last layer.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        channel_dropout: float = 0.5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvPool(nn.Conv2d(1, 10, kernel_size=5), pool()),  # (B, 10, 24, 24), then (B, 10, 12, 12)
            activation(),
            ConvPool(nn.Conv2d(10, 20, kernel_size=5), pool()),  # (B, 20, 8, 8), then (B, 20, 4, 4)
            nn.Dropout2d(channel_dropout),
            activation(),
            nn.Flatten(),  # (B, 320)
            nn.Linear(320, 50),
            activation(),
            nn.Dropout(dropout),
            nn.Linear(50, 10),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
