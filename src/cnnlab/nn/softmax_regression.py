"""The simplest classifier: what a network has to beat."""

import torch
from torch import nn


class SoftmaxRegression(nn.Module):
    """One linear layer from the pixels to the logits: 7,850 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        logits: torch.Tensor = self.layers(images)
        return logits
