"""Dropout whose random numbers come from our kernel where possible (`cnnlab.kernels`)."""

import torch
from torch import nn

from cnnlab import kernels


class Dropout(nn.Dropout):
    """torch's layer; in training on a CPU its mask takes a fifth of the time.

    Both masks are functions of the default generator's state, but not the same.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """The features, some of them zero and the others scaled, in training."""
        if self.training and not self.inplace and kernels.can_take(features):
            return features * kernels.dropout_mask(features, self.p)
        return super().forward(features)


class Dropout2d(nn.Dropout2d):
    """As `Dropout`, of whole maps."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """The maps (N, C, H, W), some of them zero and the others scaled, in training."""
        if self.training and not self.inplace and maps.ndim == 4 and kernels.can_take(maps):
            return maps * kernels.dropout_mask(maps[:, :, :1, :1], self.p)
        return super().forward(maps)
