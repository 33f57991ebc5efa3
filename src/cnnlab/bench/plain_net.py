"""The lecture's network as the tutorials write it."""

import torch
from torch import nn
from torch.nn import functional


class PlainNet(nn.Module):
    """The lecture's network of 21,840 parameters in torch's own layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5)
        self.drop_maps, self.drop = nn.Dropout2d(), nn.Dropout()
        self.fc1, self.fc2 = nn.Linear(320, 50), nn.Linear(50, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, 10) of images (B, 1, 28, 28)."""
        hidden = functional.relu(functional.max_pool2d(self.conv1(images), 2))
        hidden = functional.relu(functional.max_pool2d(self.drop_maps(self.conv2(hidden)), 2))
        hidden = self.drop(functional.relu(self.fc1(hidden.flatten(1))))
        logits: torch.Tensor = self.fc2(hidden)
        return logits
