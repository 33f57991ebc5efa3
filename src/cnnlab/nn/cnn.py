"""A plain convolutional network of any depth and width."""

from collections.abc import Callable, Sequence
from itertools import islice

import torch
from torch import nn

from cnnlab.nn.batch_norm import BatchNorm2d
from cnnlab.nn.convolution import Conv2d, ConvPool
from cnnlab.nn.dropout import Dropout
from cnnlab.nn.image_size import check_image_size
from cnnlab.nn.pool import GlobalAvgPool2d
from cnnlab.nn.sequential import Sequential

NUM_STAGES = 3  # of MNIST's 28×28, 14×14 and 7×7 pixels
SMALLEST_PX, SMALLEST_PX_WITH_STEM = 4, 8  # halved twice; the stem makes 4, then 2 of 8


class CNN(nn.Module):
    """3×3 convolutions in three stages, then the mean of each map and a linear layer.

    Between stages pooling halves the image; the next convolution doubles the channels, unless all are given. With a
    stem, the first stage is one 5×5 convolution without padding, pooled at once, before norm and activation.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        image_shape: Channels, height and width of an image; height and width from 4 up, with a stem from 8 up.
        num_classes: Logits of an image.
        depth: 3×3 convolutions, divided evenly among the stages; the first stages get the remainder.
        width: Channels of the first of these stages.
        batch_norm: Whether a batch norm follows each convolution, whose bias it replaces.
        dropout: Probability that a feature is dropped before the last layer.
        channels: Of each 3×3 convolution, in place of `depth` and `width`.
        stem: Channels of the stem; None for a first stage like the others.

    Raises:
        UserError: If the image is too small.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        pool: Callable[[], nn.Module],
        *,
        image_shape: Sequence[int],
        num_classes: int,
        depth: int = 6,
        width: int = 32,
        batch_norm: bool = True,
        dropout: float = 0.25,
        channels: Sequence[int] | None = None,
        stem: int | None = None,
    ) -> None:
        super().__init__()
        check_image_size("CNN", image_shape, SMALLEST_PX if stem is None else SMALLEST_PX_WITH_STEM)
        depth = depth if channels is None else len(channels)
        num_stages = NUM_STAGES if stem is None else NUM_STAGES - 1
        stages = [depth // num_stages + (stage < depth % num_stages) for stage in range(num_stages)]
        if channels is None:
            channels = [width * 2**stage for stage, num_layers in enumerate(stages) for _ in range(num_layers)]
        layers: list[nn.Module] = []

        def add(convolution: nn.Module, out_channels: int) -> None:
            layers.append(convolution)
            layers.extend([BatchNorm2d(out_channels)] if batch_norm else [])
            layers.append(activation())

        in_channels, remaining = image_shape[0], iter(channels)
        if stem is not None:
            add(ConvPool(Conv2d(in_channels, stem, 5, bias=not batch_norm), pool()), stem)
            in_channels = stem
        for stage, num_layers in enumerate(stages):
            if stage > 0:
                layers.append(pool())
            for out_channels in islice(remaining, num_layers):
                add(Conv2d(in_channels, out_channels, 3, padding=1, bias=not batch_norm), out_channels)
                in_channels = out_channels
        layers += [GlobalAvgPool2d(), nn.Flatten(), Dropout(dropout), nn.Linear(in_channels, num_classes)]
        self.layers = Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, num_classes) of images (B, *image_shape)."""
        logits: torch.Tensor = self.layers(images)
        return logits
