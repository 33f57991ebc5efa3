import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn import CNN
from tests.conftest import MNIST, OTHER_SHAPES


def pool() -> nn.Module:
    return nn.MaxPool2d(2)


@settings(max_examples=15, deadline=None)
@given(depth=st.integers(1, 9), width=st.integers(1, 6), batch_norm=st.booleans())
def test_any_depth_and_width_gives_logits(depth: int, width: int, batch_norm: bool):
    network = CNN(nn.ReLU, pool, **MNIST, depth=depth, width=width, batch_norm=batch_norm)
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == depth
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == depth * batch_norm
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_each_stage_doubles_the_width_and_halves_the_image():
    network = CNN(nn.ReLU, pool, **MNIST, depth=5, width=4)
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    network(torch.randn(1, 1, 28, 28))
    assert shapes == [(4, 28, 28), (4, 28, 28), (8, 14, 14), (8, 14, 14), (16, 7, 7)]


def test_every_convolutions_channels_can_be_given():
    network = CNN(nn.ReLU, pool, **MNIST, channels=[8, 16, 20, 28, 28, 32])
    convolutions = 9 * (8 + 8 * 16 + 16 * 20 + 20 * 28 + 28 * 28 + 28 * 32)
    norms, linear = 2 * (8 + 16 + 20 + 28 + 28 + 32), (32 + 1) * 10
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + norms + linear == 24_858
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_a_stem_takes_the_first_stages_place():
    network = CNN(nn.ReLU, pool, **MNIST, depth=4, width=6, stem=3)
    shapes = []
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)
    assert shapes == [(3, 12, 12), (6, 12, 12), (6, 12, 12), (12, 6, 6), (12, 6, 6)]


def test_features_are_dropped_before_the_last_layer():
    network = CNN(nn.ReLU, pool, **MNIST, dropout=0.3)
    *_, dropout, last = network.layers
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.3
    assert isinstance(last, nn.Linear)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_batch_norm_takes_the_place_of_the_convolutions_bias(batch_norm: bool):
    network = CNN(nn.ReLU, pool, **MNIST, batch_norm=batch_norm, stem=2)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert all((module.bias is None) == batch_norm for module in convolutions)


@pytest.mark.parametrize("image_shape", OTHER_SHAPES)
@pytest.mark.parametrize("stem", [None, 7])
def test_it_takes_other_images_and_numbers_of_classes(image_shape: tuple[int, int, int], stem: int | None):
    network = CNN(nn.ReLU, pool, image_shape=image_shape, num_classes=5, channels=[2, 3, 4], stem=stem)
    channels = image_shape[0]
    first = 9 * channels * 2 if stem is None else 25 * channels * 7 + 2 * 7 + 9 * 7 * 2  # norms have 2 a channel
    rest = 9 * (2 * 3 + 3 * 4) + 2 * (2 + 3 + 4) + (4 + 1) * 5
    assert sum(parameter.numel() for parameter in network.parameters()) == first + rest
    assert network(torch.randn(2, *image_shape)).shape == (2, 5)


@pytest.mark.parametrize(("stem", "smallest"), [(None, 4), (3, 8)])
def test_images_that_are_halved_to_nothing_are_refused(stem: int | None, smallest: int):
    network = CNN(nn.ReLU, pool, image_shape=(1, smallest, smallest + 3), num_classes=5, stem=stem)
    assert network(torch.randn(2, 1, smallest, smallest + 3)).shape == (2, 5)
    for shape in ((1, smallest - 1, 28), (1, 28, smallest - 1)):
        with pytest.raises(UserError, match=rf"too small for CNN: it needs at least {smallest}×{smallest} pixels"):
            CNN(nn.ReLU, pool, image_shape=shape, num_classes=5, stem=stem)
