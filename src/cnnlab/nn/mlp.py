"""A multilayer perceptron whose depth is the experiment."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn


class MLP(nn.Module):
    """Hidden linear layers of one width, an activation after each, and a linear layer to the logits.

    Args:
        activation: Makes an activation layer.
        image_shape: Channels, height and width of an image.
        num_classes: Logits of an image.
        depth: Hidden layers.
        width: Units of each.
    """

    def __init__(
        self,
        activation: Callable[[], nn.Module],
        *,
        image_shape: Sequence[int],
        num_classes: int,
        depth: int = 2,
        width: int = 100,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        fan_in = math.prod(image_shape)
        for _ in range(depth):
            layers += [nn.Linear(fan_in, width), activation()]
            fan_in = width
        self.layers = nn.Sequential(*layers, nn.Linear(fan_in, num_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, num_classes) of images (B, *image_shape)."""
        logits: torch.Tensor = self.layers(images)
        return logits
