"""A multilayer perceptron whose depth is the experiment."""

from collections.abc import Callable

import torch
from torch import nn


class MLP(nn.Module):
    """Hidden linear layers of one width, an activation after each, and a linear layer to the logits.

    Args:
        activation: Makes an activation layer.
        depth: Hidden layers.
        width: Units of each.
    """

    def __init__(self, activation: Callable[[], nn.Module], depth: int = 2, width: int = 100) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        fan_in = 28 * 28
        for _ in range(depth):
            layers += [nn.Linear(fan_in, width), activation()]
            fan_in = width
        self.layers = nn.Sequential(*layers, nn.Linear(fan_in, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
