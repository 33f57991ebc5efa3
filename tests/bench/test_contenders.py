from pathlib import Path

import torch

from cnnlab.bench.contenders import PlainImages
from cnnlab.bench.plain_net import PlainNet
from cnnlab.nn import LectureNet
from tests.conftest import MNIST


def test_the_plain_network_is_the_lectures():
    ours = LectureNet(torch.nn.ReLU, lambda: torch.nn.MaxPool2d(2), **MNIST).eval()
    plain = PlainNet().eval()
    for mine, theirs in zip(ours.parameters(), plain.parameters(), strict=True):
        theirs.data.copy_(mine.data)
    images = torch.randn(9, 1, 28, 28)
    torch.testing.assert_close(plain(images), ours(images))


def test_plain_images_are_torchvisions(mnist_root: Path):
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    theirs = datasets.MNIST(str(mnist_root), train=True, transform=transform)
    ours = PlainImages(theirs.data, theirs.targets, 0.1307, 0.3081)
    assert torch.equal(ours[7][0], theirs[7][0])
    assert ours[7][1] == theirs[7][1]
