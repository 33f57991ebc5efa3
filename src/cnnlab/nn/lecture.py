"""The lecture's network."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from cnnlab.nn.convolution import Conv2d, ConvPool
from cnnlab.nn.dropout import Dropout, Dropout2d
from cnnlab.nn.image_size import check_image_size
from cnnlab.nn.sequential import Sequential

SMALLEST_PX = 16  # becomes 12, 6, 2 and 1 in the two convolutions and poolings


class LectureNet(nn.Module):
    """Two 5×5 convolutions and two linear layers: 21,840 parameters for MNIST.

    Pooling comes before the activation, as in the lecture. Whole maps are dropped after the second pooling and not
    before it: the same numbers, since a pooled map is dropped or scaled as its pixels are.

    Args:
        activation: Makes an activation layer.
        pool: Makes a pooling layer that halves height and width.
        image_shape: Channels, height and width of an image; height and width from 16 up.
        num_classes: Logits of an image.
        channel_dropout: Probability that a whole map of the second convolution is dropped.
        dropout: Probability that a hidden unit is dropped before the last layer.

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
        channel_dropout: float = 0.5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_image_size("LectureNet", image_shape, SMALLEST_PX)
        channels, *size = image_shape
        height, width = (((pixels - 4) // 2 - 4) // 2 for pixels in size)
        self.layers = Sequential(  # shapes in the comments are those of 28×28 pixels
            ConvPool(Conv2d(channels, 10, kernel_size=5), pool()),  # (B, 10, 24, 24), then (B, 10, 12, 12)
            activation(),
            ConvPool(Conv2d(10, 20, kernel_size=5), pool()),  # (B, 20, 8, 8), then (B, 20, 4, 4)
            Dropout2d(channel_dropout),
            activation(),
            nn.Flatten(),  # (B, 320)
            nn.Linear(20 * height * width, 50),
            activation(),
            Dropout(dropout),
            nn.Linear(50, num_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, num_classes) of images (B, *image_shape)."""
        logits: torch.Tensor = self.layers(images)
        return logits
