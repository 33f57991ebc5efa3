import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.nn import CNN, Committee
from tests.conftest import MNIST


def committee(num_members: int) -> Committee:
    torch.manual_seed(0)
    return Committee(
        CNN(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST, depth=2, width=2, dropout=0.0, stem=2)
        for _ in range(num_members)
    )


def test_its_prediction_is_the_mean_of_its_members_probabilities():
    network, images = committee(3).eval(), torch.randn(5, 1, 28, 28)
    mean = sum(member(images).softmax(dim=1) for member in network.members) / 3
    torch.testing.assert_close(network(images).exp(), mean)
    torch.testing.assert_close(network(images).softmax(dim=1), mean)


def test_a_member_learns_from_its_part_of_a_batch_alone():
    network, images, labels = committee(3), torch.randn(9, 1, 28, 28), torch.arange(9)
    functional.cross_entropy(network(images), labels, reduction="sum").backward()
    for number, member in enumerate(committee(3).members):
        part = slice(3 * number, 3 * number + 3)
        functional.cross_entropy(member(images[part]), labels[part], reduction="sum").backward()
        for ours, alone in zip(network.members[number].parameters(), member.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, alone.grad)


def test_its_members_begin_with_different_weights():
    first, second = (next(member.parameters()) for member in committee(2).members)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_a_batch_of_any_size_is_dealt_out(num_images: int):
    assert committee(3)(torch.randn(num_images, 1, 28, 28)).shape == (num_images, 10)
