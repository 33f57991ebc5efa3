import torch
from torch import nn

from cnnlab.nn import Compact


def test_its_parameters_and_shapes():
    network = Compact(nn.ReLU, lambda: nn.MaxPool2d(2))
    assert network(torch.randn(8, 1, 28, 28)).shape == (8, 10)
    convolutions = (25 + 1) * 16 + 9 * (16 * 24 + 24 * 32 + 32 * 40)
    norms, linear = 2 * (16 + 24 + 32 + 40), (40 + 1) * 10
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms + linear == 22_938


def test_its_channels_can_be_chosen():
    network = Compact(nn.GELU, lambda: nn.AvgPool2d(2), channels=[2, 3, 4, 5], dropout=0.5)
    sizes = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert sizes == [2, 3, 4, 5]
    assert network(torch.randn(3, 1, 28, 28)).shape == (3, 10)
