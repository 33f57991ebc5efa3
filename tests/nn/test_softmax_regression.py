import torch

from cnnlab.nn import SoftmaxRegression


def test_it_is_one_affine_map_of_the_pixels():
    network = SoftmaxRegression()
    weight, bias = network.parameters()
    assert weight.numel() + bias.numel() == 7_850
    images = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(network(images), images.reshape(4, 784) @ weight.T + bias)
