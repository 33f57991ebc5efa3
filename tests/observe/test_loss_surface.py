"""The loss on a plane through the weights."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from cnnlab.observe.loss_surface import directions, normalised_by_filter, surface


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Dropout(), nn.Flatten(), nn.Linear(48, 4))


def test_each_filter_has_the_weights_norm_and_a_bias_is_scaled_as_a_whole():
    weights = dict(network().named_parameters())
    for direction in directions(weights, torch.Generator().manual_seed(1)):
        for row in range(3):
            assert direction["0.weight"][row].norm().item() == pytest.approx(weights["0.weight"][row].norm().item())
        for row in range(4):
            assert direction["5.weight"][row].norm().item() == pytest.approx(weights["5.weight"][row].norm().item())
        assert direction["5.bias"].norm().item() == pytest.approx(weights["5.bias"].norm().item())
        entries = (direction["5.bias"] / weights["5.bias"]).abs()
        assert entries.max() > 1.1 * entries.min(), "scaled element by element, all would be 1"


def test_by_hand():
    weights = {"w": torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "b": torch.tensor([1.0, 0.0])}
    direction = {"w": torch.tensor([[1.0, 0.0], [1.0, 1.0]]), "b": torch.tensor([3.0, 4.0])}
    found = normalised_by_filter(direction, weights)
    assert torch.equal(found["w"], torch.tensor([[5.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(found["b"], torch.tensor([0.6, 0.8]))


def test_the_directions_are_different_and_follow_from_the_seed():
    weights = dict(network().named_parameters())
    first, second = directions(weights, torch.Generator().manual_seed(1))
    again, _ = directions(weights, torch.Generator().manual_seed(1))
    assert all(torch.equal(first[name], again[name]) for name in weights)
    assert not torch.equal(first["0.weight"], second["0.weight"])


def test_the_surface_is_the_loss_of_a_network_with_those_weights():
    net = network()
    images, labels = torch.randn(20, 1, 6, 6), torch.arange(20) % 4
    before = {name: each.clone() for name, each in net.state_dict().items()}
    plane = directions({name: each.detach() for name, each in net.named_parameters()}, torch.Generator().manual_seed(2))
    alphas, betas = torch.tensor([-1.0, 0.0, 0.5]), torch.tensor([0.0, 0.7])
    found = surface(net, functional.cross_entropy, images, labels, before, plane, alphas, betas)

    assert found.shape == (3, 2)
    assert net.training
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())
    start = parameters_to_vector(net.parameters()).detach()
    along = [parameters_to_vector([each[name] for name, _ in net.named_parameters()]) for each in plane]
    other = network().eval()
    for row, alpha in enumerate(alphas):
        for column, beta in enumerate(betas):
            vector_to_parameters(start + alpha * along[0] + beta * along[1], other.parameters())
            expected = functional.cross_entropy(other(images), labels).item()
            assert found[row, column].item() == pytest.approx(expected, rel=1e-5)


def test_a_parabola():
    """A linear network with the squared error: the loss on any line is a parabola."""
    net = nn.Linear(5, 1, bias=False)
    weights = {name: each.detach() for name, each in net.named_parameters()}
    inputs, targets = torch.randn(30, 5), torch.randn(30, 1)
    plane = directions(weights, torch.Generator().manual_seed(3))
    points = torch.arange(-3.0, 4.0)
    losses = surface(net, functional.mse_loss, inputs, targets, weights, plane, points, torch.zeros(1))[:, 0]
    assert losses.diff().diff().diff().abs().max() < 1e-4 * losses.max()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_mode_is_back_after_an_interruption(error: type[BaseException]):
    net = network()

    def interrupted(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        raise error

    weights, line = net.state_dict(), torch.zeros(1)
    with pytest.raises(error):
        surface(net, interrupted, torch.randn(4, 1, 6, 6), torch.zeros(4), weights, ({}, {}), line, line)
    assert all(module.training for module in net.modules())


def test_far_away_losses_are_numbers_or_nan_and_no_error():
    net = nn.Linear(3, 2)
    weights = {name: each.detach() for name, each in net.named_parameters()}
    plane, far = directions(weights, torch.Generator().manual_seed(4)), torch.tensor([1e38])
    losses = surface(net, functional.cross_entropy, torch.ones(2, 3), torch.tensor([0, 1]), weights, plane, far, far)
    assert losses.shape == (1, 1)
    assert not math.isfinite(losses.item()) or losses.item() > 1e30
