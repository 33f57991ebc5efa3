"""The largest eigenvalue of the Hessian, against the whole matrix by torch.func."""

import builtins
import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian
from torch.nn import functional

from cnnlab.errors import UserError
from cnnlab.nn.convolution import Conv2d, ConvPool
from cnnlab.nn.dropout import Dropout
from cnnlab.nn.sequential import Sequential
from cnnlab.observe.curvature import largest_eigenvalue, largest_stable_eigenvalue

pytest.importorskip("curvlinops")


def problem(activation: type[nn.Module] = nn.Tanh) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Our layers, with dropout, and images of three classes."""
    torch.manual_seed(0)
    network = Sequential(
        ConvPool(Conv2d(1, 2, kernel_size=3), nn.MaxPool2d(2)),
        activation(),
        Dropout(0.5),
        nn.Flatten(),
        nn.Linear(18, 3),
    )
    return network, torch.randn(40, 1, 8, 8), torch.arange(40) % 3


def dense(network: nn.Module, loss: Any, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The whole Hessian, in double precision."""
    network = network.eval().double()
    parameters = {name: each.detach() for name, each in network.named_parameters()}
    blocks = hessian(lambda each: loss(functional_call(network, each, (images.double(),)), labels))(parameters)
    sizes = {name: each.numel() for name, each in parameters.items()}
    return torch.cat([torch.cat([blocks[a][b].reshape(sizes[a], sizes[b]) for b in sizes], dim=1) for a in sizes])


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.Sigmoid])
def test_it_is_the_largest_eigenvalue_of_the_whole_hessian(activation: type[nn.Module]):
    network, images, labels = problem(activation)
    found = largest_eigenvalue(network, functional.cross_entropy, images, labels)
    matrix = dense(network, functional.cross_entropy, images, labels)
    torch.testing.assert_close(matrix, matrix.T)
    assert found == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=2e-3)


def test_the_largest_is_not_that_of_the_largest_modulus():
    """The images are unit vectors, so the logits are the weights, along which the loss has these curvatures."""
    network, curvatures = nn.Linear(4, 1, bias=False), torch.tensor([2.0, -10.0, 0.5, 0.1])

    def loss(logits: torch.Tensor, _labels: torch.Tensor) -> torch.Tensor:
        return (logits[:, 0].square() * curvatures / 2).sum()

    found = largest_eigenvalue(network, loss, torch.eye(4), torch.zeros(4))
    assert found == pytest.approx(2, rel=1e-3)


def test_nothing_of_the_network_changes():
    network, images, labels = problem()
    before = [each.clone() for each in network.parameters()]
    state = torch.get_rng_state()
    largest_eigenvalue(network, functional.cross_entropy, images, labels)
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), before, strict=True))
    assert all(each.grad is None for each in network.parameters())
    assert all(module.training for module in network.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_the_mode_is_back_after_an_interruption():
    network, images, labels = problem()

    def interrupted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        largest_eigenvalue(network, interrupted, images, labels)
    assert all(module.training for module in network.modules())


def test_without_a_finite_loss_it_is_nan():
    network, images, labels = problem()
    assert math.isnan(largest_eigenvalue(network, functional.cross_entropy, images * math.nan, labels))


def test_the_limit_is_where_gradient_descent_starts_to_diverge():
    for rate, diverges in ((0.19, False), (0.21, True)):
        position, curvature = 1.0, 10.0
        for _ in range(200):
            position -= rate * curvature * position
        assert (abs(position) > 1) == diverges == (curvature > largest_stable_eigenvalue(rate))


def test_momentum_bears_more():
    for rate, diverges in ((0.379, False), (0.381, True)):
        position, velocity, curvature = 1.0, 0.0, 10.0
        for _ in range(3000):
            velocity = 0.9 * velocity + curvature * position
            position -= rate * velocity
        assert (abs(position) > 1) == diverges == (curvature > largest_stable_eigenvalue(rate, momentum=0.9))


def test_without_curvlinops_it_is_a_line(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.startswith("curvlinops"):
            raise ImportError(name)
        return real(name, *arguments)

    network, images, labels = problem()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"install cnnlab\[lecture\]"):
        largest_eigenvalue(network, functional.cross_entropy, images, labels)
