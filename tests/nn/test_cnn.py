import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.nn import CNN


def pool() -> nn.Module:
    return nn.MaxPool2d(2)


@settings(max_examples=15, deadline=None)
@given(depth=st.integers(1, 9), width=st.integers(1, 6), batch_norm=st.booleans())
def test_any_depth_and_width_gives_logits(depth: int, width: int, batch_norm: bool):
    network = CNN(nn.ReLU, pool, depth, width, batch_norm)
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == depth
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == depth * batch_norm
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_each_stage_doubles_the_width_and_halves_the_image():
    network = CNN(nn.ReLU, pool, depth=5, width=4)
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    network(torch.randn(1, 1, 28, 28))
    assert shapes == [(4, 28, 28), (4, 28, 28), (8, 14, 14), (8, 14, 14), (16, 7, 7)]


def test_every_convolutions_channels_can_be_given():
    network = CNN(nn.ReLU, pool, channels=[8, 16, 20, 28, 28, 32])
    convolutions = 9 * (8 + 8 * 16 + 16 * 20 + 20 * 28 + 28 * 28 + 28 * 32)
    norms, linear = 2 * (8 + 16 + 20 + 28 + 28 + 32), (32 + 1) * 10
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms + linear == 24_858
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_a_stem_takes_the_first_stages_place():
    network = CNN(nn.ReLU, pool, depth=4, width=6, stem=3)
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)
    assert shapes == [(3, 12, 12), (6, 12, 12), (6, 12, 12), (12, 6, 6), (12, 6, 6)]


def test_features_are_dropped_before_the_last_layer():
    network = CNN(nn.ReLU, pool, dropout=0.3)
    *_, dropout, last = network.layers
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.3
    assert isinstance(last, nn.Linear)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_batch_norm_takes_the_place_of_the_convolutions_bias(batch_norm: bool):
    network = CNN(nn.ReLU, pool, batch_norm=batch_norm, stem=2)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert all((module.bias is None) == batch_norm for module in convolutions)
