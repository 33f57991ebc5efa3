import pytest
import torch
from torch import nn

from cnnlab.nn import MLP


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_depth_counts_hidden_layers_each_with_an_activation(depth: int):
    network = MLP(nn.Tanh, depth=depth, width=8)
    layers = [type(module) for module in network.layers]
    assert layers == [nn.Flatten, *[nn.Linear, nn.Tanh] * depth, nn.Linear]
    assert sum(weights.numel() for weights in network.parameters()) == 785 * 8 + (depth - 1) * 72 + 90
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)
