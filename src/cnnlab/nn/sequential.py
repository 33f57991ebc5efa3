"""Layers in a row, of which two may have one kernel together."""

from collections.abc import Iterator

import torch
from torch import nn

from cnnlab.nn.batch_norm import BatchNorm2d
from cnnlab.nn.convolution import ConvPool
from cnnlab.nn.hooks import is_changed

FUSED = (ConvPool, BatchNorm2d)  # not their subclasses, which may compute something else


class Sequential(nn.Sequential):
    """torch's `Sequential`, which computes ReLU together with the `ConvPool` or `BatchNorm2d` before it.

    One kernel then does both, where it can. A layer with hooks is called by itself.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """What the last layer returns."""
        layers: Iterator[nn.Module] = iter(self)
        layer = next(layers, None)
        while layer is not None:
            following = next(layers, None)
            is_pair = type(following) is nn.ReLU and not (is_changed(following) or is_changed(layer))
            if is_pair and type(layer) in FUSED:
                features = layer.rectified(features)  # type: ignore[operator]
                following = next(layers, None)
            else:
                features = layer(features)
            layer = following
        return features
