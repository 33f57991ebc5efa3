import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.errors import UserError
from cnnlab.nn import LectureNet
from tests.conftest import MNIST


def test_it_has_the_lectures_21840_parameters():
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST)
    sizes = [tuple(parameter.shape) for parameter in network.parameters()]
    assert sizes == [(10, 1, 5, 5), (10,), (20, 10, 5, 5), (20,), (50, 320), (50,), (10, 50), (10,)]
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_840


def test_without_dropout_it_computes_what_the_lecture_draws():
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST).eval()
    w1, b1, w2, b2, w3, b3, w4, b4 = network.parameters()
    images = torch.randn(3, 1, 28, 28)

    hidden = functional.conv2d(images, w1, b1).unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)).clamp(min=0)
    assert hidden.shape == (3, 10, 12, 12)
    hidden = functional.conv2d(hidden, w2, b2).unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)).clamp(min=0)
    assert hidden.shape == (3, 20, 4, 4)
    logits = (hidden.flatten(1) @ w3.T + b3).clamp(min=0) @ w4.T + b4
    torch.testing.assert_close(network(images), logits)


def test_dropout_drops_whole_maps_after_the_second_convolution_and_units_before_the_last_layer():
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST, channel_dropout=0.25, dropout=0.75)
    channel, unit = (module for module in network.modules() if isinstance(module, nn.Dropout2d | nn.Dropout))
    assert isinstance(channel, nn.Dropout2d)
    assert isinstance(unit, nn.Dropout)
    assert (channel.p, unit.p) == (0.25, 0.75)


@pytest.mark.parametrize(
    ("image_shape", "pooled"),
    [((3, 32, 32), 5 * 5), ((1, 20, 28), 2 * 4), ((1, 16, 17), 1), ((2, 19, 21), 1 * 2)],
)
def test_it_takes_other_images_and_numbers_of_classes(image_shape: tuple[int, int, int], pooled: int):
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), image_shape=image_shape, num_classes=5)
    convolutions = 10 * (25 * image_shape[0] + 1) + 20 * (250 + 1)
    linear = 50 * (20 * pooled + 1) + 5 * (50 + 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + linear
    for num_images in (2, 9):  # torch's convolution, and our own
        assert network(torch.randn(num_images, *image_shape)).shape == (num_images, 5)


@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 15, 28), (3, 28, 15)])
def test_images_of_which_nothing_would_be_left_are_refused(image_shape: tuple[int, int, int]):
    with pytest.raises(UserError, match="too small for LectureNet: it needs at least 16×16 pixels; choose"):
        LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), image_shape=image_shape, num_classes=10)
