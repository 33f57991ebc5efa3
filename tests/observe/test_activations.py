import pytest
import torch
from torch import nn

from cnnlab.observe.activations import (
    activation_slopes,
    dead_fraction,
    largest_slope,
    near_zero_fraction,
    relative_slopes,
    saturated_fraction,
)

POINTS = torch.tensor([[-2.0, -0.5, 0.25, 3.0]])


def test_slopes_are_the_hand_written_derivatives():
    sigmoid = POINTS.sigmoid()
    torch.testing.assert_close(activation_slopes(nn.Sigmoid(), POINTS), sigmoid * (1 - sigmoid))
    torch.testing.assert_close(activation_slopes(nn.Tanh(), POINTS), 1 - POINTS.tanh() ** 2)
    assert activation_slopes(nn.ReLU(), POINTS).tolist() == [[0, 0, 1, 1]]
    assert activation_slopes(nn.LeakyReLU(0.01), POINTS).tolist() == [[pytest.approx(0.01)] * 2 + [1, 1]]


def test_dead_counts_units():
    slopes = torch.tensor([[0.0, 1.0, 0.0, 0.01], [0.0, 0.0, 0.0009, 0.01]])  # units 0 and 2 learn nothing
    assert dead_fraction(slopes) == pytest.approx(2 / 4)


def test_near_zero_are_outputs_within_a_twentieth():
    assert near_zero_fraction(torch.tensor([-0.05, 0.0, 0.05, 0.051, -1.0])) == pytest.approx(3 / 5)


@pytest.mark.parametrize(
    ("activation", "largest"),
    [
        (nn.ReLU(), 1),
        (nn.LeakyReLU(0.01), 1),
        (nn.PReLU(init=0.25), 1),
        (nn.PReLU(init=-3.0), 3),
        (nn.ELU(), 1),
        (nn.ELU(alpha=2.0), 2),
        (nn.SELU(), 1.7581),  # λα, just below 0
        (nn.Sigmoid(), 0.25),
        (nn.Tanh(), 1),
        (nn.Softplus(), 1),
        (nn.Identity(), 1),
        (nn.GELU(), 1.1289),  # Φ(√2) + √2 φ(√2)
        (nn.SiLU(), 1.0998),
        (nn.Mish(), 1.0885),
        (nn.Hardswish(), 1.5),
        (nn.ReLU(inplace=True), 1),
    ],
    ids=str,
)
def test_the_largest_slope_of_every_activation(activation: nn.Module, largest: float):
    for inputs in (torch.zeros(2, 3), torch.zeros(2, 3, 4, 4)):
        slopes = largest_slope(activation, inputs).expand(1, 3, *[1] * (inputs.ndim - 2))
        torch.testing.assert_close(slopes.flatten(), torch.full((3,), float(largest)), rtol=0.012, atol=0)


def test_prelu_may_have_a_slope_for_each_unit():
    activation = nn.PReLU(3)
    activation.weight.data = torch.tensor([0.1, -2.0, 5.0])
    for shape in ((4, 3), (4, 3, 2, 2)):
        assert largest_slope(activation, torch.zeros(shape)).flatten().tolist() == [1.0, 2.0, 5.0]
        negative = relative_slopes(activation, -torch.ones(shape))
        torch.testing.assert_close(
            negative[0].flatten(1)[:, 0] if len(shape) > 2 else negative[0], torch.tensor([0.1, 1.0, 1.0])
        )


def test_a_constant_activation_is_dead():
    activation, inputs = nn.Hardtanh(-0.0, 1e-9), torch.ones(4, 2)
    assert (saturated_fraction(activation, inputs), dead_fraction(relative_slopes(activation, inputs))) == (1, 1)


@pytest.mark.parametrize(
    ("activation", "inputs", "saturated", "dead"),
    [
        (nn.LeakyReLU(0.01), -3.0, 1, 0),  # off, but it still learns
        (nn.ReLU(), -3.0, 1, 1),
        (nn.Sigmoid(), 0.0, 0, 0),
        (nn.Sigmoid(), 3.4, 0, 0),  # an output of 0.968
        (nn.Sigmoid(), -3.5, 1, 0),  # of 0.029
        (nn.Sigmoid(), 9.0, 1, 1),
        (nn.Tanh(), 2.0, 0, 0),  # an output of 0.964
        (nn.Tanh(), -2.1, 1, 0),  # of -0.971
        (nn.Tanh(), 5.0, 1, 1),
        (nn.Identity(), -100.0, 0, 0),
        (nn.GELU(), -6.0, 1, 1),
        (nn.SiLU(), -3.0, 0, 0),  # a slope of -0.09 learns as well as 0.09
        (nn.ELU(), -4.0, 1, 0),
    ],
    ids=str,
)
def test_what_is_saturated_and_what_is_dead(activation: nn.Module, inputs: float, saturated: float, dead: float):
    values = torch.full((5, 2), inputs)
    assert saturated_fraction(activation, values) == saturated
    assert dead_fraction(relative_slopes(activation, values)) == dead


def test_a_channel_lives_if_it_responds_anywhere():
    slopes = torch.zeros(2, 3, 4, 4)
    slopes[1, 2, 3, 3] = 1.0
    assert dead_fraction(slopes) == pytest.approx(2 / 3)
