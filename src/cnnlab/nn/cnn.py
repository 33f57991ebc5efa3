"""A plain convolutional network of any depth and width."""

from collections.abc import Callable

import torch
from torch import nn

NUM_STAGES = 3  # 28×28, 14×14 and 7×7 pixels


class CNN(nn.Module):
    """3×3 convolutions in three stages, then the mean of each map and a linear layer.

    Between stages pooling halves the image, and the next convolution doubles the channels.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        depth: Convolutions, dealt evenly to the stages; what is left over goes to the first ones.
        width: Channels of the first stage.
        batch_norm: Whether a batch norm follows each convolution, whose bias it replaces.
        dropout: Probability that a feature is dropped before the last layer.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        depth: int = 6,
        width: int = 32,
        batch_norm: bool = True,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for stage in range(NUM_STAGES):
            if stage > 0:
                layers.append(pool())
            for _ in range(depth // NUM_STAGES + (stage < depth % NUM_STAGES)):
                out_channels = width * 2**stage
                layers.append(nn.Conv2d(channels, out_channels, 3, padding=1, bias=not batch_norm))
                layers += [nn.BatchNorm2d(out_channels)] if batch_norm else []
                layers.append(activation())
                channels = out_channels
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, 10)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
