import pytest
import torch
from torch import nn

from cnnlab.nn import MLP
from tests.conftest import MNIST, OTHER_SHAPES


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_depth_counts_hidden_layers_each_with_an_activation(depth: int):
    network = MLP(nn.Tanh, **MNIST, depth=depth, width=8)
    layers = [type(module) for module in network.layers]
    assert layers == [nn.Flatten, *[nn.Linear, nn.Tanh] * depth, nn.Linear]
    assert sum(weights.numel() for weights in network.parameters()) == 785 * 8 + (depth - 1) * 72 + 90
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("image_shape", [*OTHER_SHAPES, (1, 1, 1)])
def test_it_takes_other_images_and_numbers_of_classes(image_shape: tuple[int, int, int]):
    network = MLP(nn.Tanh, image_shape=image_shape, num_classes=5, depth=2, width=8)
    channels, height, width = image_shape
    expected = (channels * height * width + 1) * 8 + 9 * 8 + 9 * 5
    assert sum(weights.numel() for weights in network.parameters()) == expected
    assert network(torch.randn(2, *image_shape)).shape == (2, 5)
