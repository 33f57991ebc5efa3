"""A network that gets much out of few parameters."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from cnnlab.nn.conv_pool import ConvPool


class Compact(nn.Module):
    """A 5×5 and three 3×3 convolutions, each with a batch norm, then the mean of each map and a linear layer.

    The wide filters and the pooling come first, so that the rest works on a fifth of the pixels.

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
        channels: Sequence[int] = (16, 24, 32, 40),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        first, second, third, fourth = channels

        def convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
            layer = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
            return [layer, nn.BatchNorm2d(out_channels), activation()]

        self.layers = nn.Sequential(
            ConvPool(nn.Conv2d(1, first, 5), pool()),  # (B, c, 24, 24), then (B, c, 12, 12)
            *(nn.BatchNorm2d(first), activation()),
            *convolution(first, second),  # (B, c, 12, 12)
            pool(),  # (B, c, 6, 6)
            *convolution(second, third),
            *convolution(third, fourth),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(fourth, 10)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
