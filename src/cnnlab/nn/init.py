"""Applies initial weights to a network's layers. The distributions are torch's own, named in conf/init/."""

from collections.abc import Callable

import torch
from torch import nn


def fill_layers(network: nn.Module, weight_: Callable[[torch.Tensor], object]) -> None:
    """Draws the weights of every convolution and linear layer, and sets their biases to zero.

    All other parameters (the slopes of PReLU, the scales of batch norm) keep their own initial values.

    Args:
        network: The network, changed in place.
        weight_: Fills a weight in place: (out, in) of a linear layer, (out, in, k, k) of a convolution,
            whose fan_in is in·k·k and fan_out out·k·k.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weight_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def torch_default(network: nn.Module) -> None:
    """Draws every layer as its own constructor does.

    Args:
        network: The network, changed in place.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.reset_parameters()
