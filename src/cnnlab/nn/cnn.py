"""A plain convolutional network of any depth and width."""

from collections.abc import Callable, Sequence
from itertools import islice

import torch
from torch import nn

from cnnlab.nn.conv_pool import ConvPool

NUM_STAGES = 3  # 28×28, 14×14 and 7×7 pixels


class CNN(nn.Module):
    """3×3 convolutions in three stages, then the mean of each map and a linear layer.

    Between stages pooling halves the image; the next convolution doubles the channels, unless all are given. With a
    stem, the first stage is one 5×5 convolution without padding, pooled at once, before norm and activation.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        depth: 3×3 convolutions, dealt evenly to the stages; what is left over goes to the first ones.
        width: Channels of the first of these stages.
        batch_norm: Whether a batch norm follows each convolution, whose bias it replaces.
        dropout: Probability that a feature is dropped before the last layer.
        channels: Of each 3×3 convolution, in place of `depth` and `width`.
        stem: Channels of the stem; None for a first stage like the others.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        depth: int = 6,
        width: int = 32,
        batch_norm: bool = True,
        dropout: float = 0.25,
        channels: Sequence[int] | None = None,
        stem: int | None = None,
    ) -> None:
        super().__init__()
        depth = depth if channels is None else len(channels)
        num_stages = NUM_STAGES if stem is None else NUM_STAGES - 1
        stages = [depth // num_stages + (stage < depth % num_stages) for stage in range(num_stages)]
        if channels is None:
            channels = [width * 2**stage for stage, num_layers in enumerate(stages) for _ in range(num_layers)]
        layers: list[nn.Module] = []

        def add(convolution: nn.Module, out_channels: int) -> None:
            layers.append(convolution)
            layers.extend([nn.BatchNorm2d(out_channels)] if batch_norm else [])
            layers.append(activation())

        in_channels, remaining = 1, iter(channels)
        if stem is not None:
            add(ConvPool(nn.Conv2d(1, stem, 5, bias=not batch_norm), pool()), stem)
            in_channels = stem
        for stage, num_layers in enumerate(stages):
            if stage > 0:
                layers.append(pool())
            for out_channels in islice(remaining, num_layers):
                add(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=not batch_norm), out_channels)
                in_channels = out_channels
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(in_channels, 10)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
