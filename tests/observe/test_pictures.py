import pytest
import torch
from torch import nn

from cnnlab.nn import CNN, MLP, LectureNet
from cnnlab.observe.pictures import first_layer_weights


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2)), (10, 5, 5)),
        (CNN(nn.ReLU, lambda: nn.MaxPool2d(2), width=8), (8, 3, 3)),
        (MLP(nn.ReLU, width=20), (20, 28, 28)),
        (MLP(nn.ReLU, width=300), (100, 28, 28)),
    ],
)
def test_the_first_layers_weights_are_pictures(network: nn.Module, shape: tuple[int, ...]):
    weights = first_layer_weights(network)
    assert weights.shape == shape
    first = next(network.parameters())
    assert torch.equal(weights[3].flatten(), first[3].flatten())
