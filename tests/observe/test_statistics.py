import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.observe.statistics import (
    activation_slopes,
    dead_fraction,
    flat_fraction,
    gradient_norm,
    largest_slope,
    relative_slopes,
    update_ratio,
)

POINTS = torch.tensor([[-2.0, -0.5, 0.25, 3.0]])


def test_slopes_are_the_hand_written_derivatives():
    sigmoid = POINTS.sigmoid()
    torch.testing.assert_close(activation_slopes(nn.Sigmoid(), POINTS), sigmoid * (1 - sigmoid))
    torch.testing.assert_close(activation_slopes(nn.Tanh(), POINTS), 1 - POINTS.tanh() ** 2)
    assert activation_slopes(nn.ReLU(), POINTS).tolist() == [[0, 0, 1, 1]]
    assert activation_slopes(nn.LeakyReLU(0.01), POINTS).tolist() == [[pytest.approx(0.01)] * 2 + [1, 1]]


def test_flat_counts_activations_and_dead_counts_units():
    slopes = torch.tensor([[0.0, 1.0, 0.0, 0.01], [0.0, 0.0, 0.0009, 0.01]])  # units 0 and 2 learn nothing
    assert flat_fraction(slopes) == pytest.approx(7 / 8)
    assert dead_fraction(slopes) == pytest.approx(2 / 4)


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
        slopes = largest_slope(activation, inputs)
        assert slopes.shape == (1, 3, *[1] * (inputs.ndim - 2))
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
    slopes = relative_slopes(nn.Hardtanh(-0.0, 1e-9), torch.ones(4, 2))
    assert (flat_fraction(slopes), dead_fraction(slopes)) == (1, 1)


@pytest.mark.parametrize(
    ("activation", "inputs", "flat", "dead"),
    [
        (nn.LeakyReLU(0.01), -3.0, 1, 0),  # off, but it still learns
        (nn.ReLU(), -3.0, 1, 1),
        (nn.Sigmoid(), 0.0, 0, 0),
        (nn.Sigmoid(), 4.0, 0, 0),  # a slope of 0.018 is 7 % of its largest
        (nn.Sigmoid(), 5.0, 1, 0),
        (nn.Sigmoid(), 9.0, 1, 1),
        (nn.Tanh(), 2.0, 0, 0),
        (nn.Tanh(), 2.5, 1, 0),
        (nn.Tanh(), 5.0, 1, 1),
        (nn.Identity(), -100.0, 0, 0),
        (nn.GELU(), -6.0, 1, 1),
        (nn.SiLU(), -3.0, 0, 0),  # a slope of -0.09 learns as well as 0.09
        (nn.ELU(), -4.0, 1, 0),
    ],
    ids=str,
)
def test_what_is_flat_and_what_is_dead(activation: nn.Module, inputs: float, flat: float, dead: float):
    slopes = relative_slopes(activation, torch.full((5, 2), inputs))
    assert (flat_fraction(slopes), dead_fraction(slopes)) == (flat, dead)


def test_a_channel_lives_if_it_responds_anywhere():
    slopes = torch.zeros(2, 3, 4, 4)
    slopes[1, 2, 3, 3] = 1.0
    assert dead_fraction(slopes) == pytest.approx(2 / 3)


@given(st.lists(st.floats(-5, 5).filter(lambda value: abs(value) > 1e-3), min_size=1, max_size=5), st.floats(0.001, 2))
def test_a_scaled_weight_has_that_update_ratio(weights: list[float], scale: float):
    before = torch.tensor(weights, dtype=torch.float64)
    assert update_ratio(before, before * (1 + scale)) == pytest.approx(scale, rel=1e-6)


def test_a_gradients_norm():
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    assert gradient_norm(parameter) == 0
    parameter.grad = torch.tensor([3.0, -4.0])
    assert gradient_norm(parameter) == 5
