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


@pytest.mark.parametrize("num_images", [9, 8, 7, 2, 1])
def test_a_members_gradient_is_that_of_the_mean_over_its_own_part(num_images: int):
    network, images, labels = committee(3), torch.randn(num_images, 1, 28, 28), torch.arange(num_images)
    functional.cross_entropy(network(images), labels).backward()
    for ours, alone, part in zip(
        network.members, committee(3).members, torch.arange(num_images).tensor_split(3), strict=True
    ):
        if len(part) > 0:
            functional.cross_entropy(alone(images[part]), labels[part]).backward()
        for parameter, expected in zip(ours.parameters(), alone.parameters(), strict=True):
            assert (parameter.grad is None) == (expected.grad is None) == (len(part) == 0)
            if len(part) > 0:
                torch.testing.assert_close(parameter.grad, expected.grad)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_members_train_as_if_each_were_alone(weight_decay: float):
    """With SGD, whose step is proportional to the gradient; the last batch is uneven."""
    network, alone = committee(3), committee(3)
    together = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=weight_decay)
    each = [torch.optim.SGD(member.parameters(), 0.1, 0.9, weight_decay=weight_decay) for member in alone.members]
    for step, num_images in enumerate((12, 12, 12, 7)):
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(num_images, 1, 28, 28, generator=generator)
        labels = torch.randint(0, 10, (num_images,), generator=generator)
        together.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        together.step()
        for member, optimizer, part in zip(alone.members, each, torch.arange(num_images).tensor_split(3), strict=True):
            optimizer.zero_grad()
            functional.cross_entropy(member(images[part]), labels[part]).backward()
            optimizer.step()
    for ours, theirs in zip(network.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_a_committee_of_one_is_its_member():
    network, member, images = committee(1), committee(1).members[0], torch.randn(4, 1, 28, 28)
    for model in (network, member):
        functional.cross_entropy(model(images), torch.arange(4)).backward()
    assert torch.equal(network(images), member(images))
    for ours, theirs in zip(network.parameters(), member.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_its_members_begin_with_different_weights():
    first, second = (next(member.parameters()) for member in committee(2).members)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_a_batch_of_any_size_is_dealt_out(num_images: int):
    assert committee(3)(torch.randn(num_images, 1, 28, 28)).shape == (num_images, 10)


def test_torchs_transforms_differentiate_it():
    network, images, labels = committee(2).eval(), torch.randn(4, 1, 28, 28), torch.arange(4)
    network.training = True  # divides the batch; the members' batch norms keep their statistics
    weights = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def loss(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(torch.func.functional_call(network, weights, (images,)), labels)

    loss(dict(network.named_parameters())).backward()
    for name, gradient in torch.func.grad(loss)(weights).items():
        torch.testing.assert_close(gradient, network.get_parameter(name).grad)


def test_an_idle_member_has_zero_gradients_where_processes_wait_for_every_gradient(monkeypatch: pytest.MonkeyPatch):
    network, images = committee(3), torch.randn(2, 1, 28, 28)
    expected = network(images)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    logits = network(images)
    assert torch.equal(logits, expected)
    logits.square().sum().backward()
    assert all(parameter.grad.count_nonzero() == 0 for parameter in network.members[2].parameters())
    assert all(parameter.grad.count_nonzero() > 0 for parameter in network.members[0].layers[-1].parameters())
