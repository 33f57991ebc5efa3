import pytest
import torch

from cnnlab.nn import SoftmaxRegression
from tests.conftest import MNIST, OTHER_SHAPES


def test_it_is_one_affine_map_of_the_pixels():
    network = SoftmaxRegression(**MNIST)
    weight, bias = network.parameters()
    assert weight.numel() + bias.numel() == 7_850
    images = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(network(images), images.reshape(4, 784) @ weight.T + bias)


@pytest.mark.parametrize("image_shape", [*OTHER_SHAPES, (1, 1, 1)])
def test_it_takes_other_images_and_numbers_of_classes(image_shape: tuple[int, int, int]):
    network = SoftmaxRegression(image_shape=image_shape, num_classes=5)
    channels, height, width = image_shape
    assert sum(weights.numel() for weights in network.parameters()) == (channels * height * width + 1) * 5
    assert network(torch.randn(2, *image_shape)).shape == (2, 5)
