import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.observe.statistics import activation_slopes, dead_fraction, flat_fraction, gradient_norm, update_ratio

POINTS = torch.tensor([[-2.0, -0.5, 0.25, 3.0]])


def test_slopes_are_the_hand_written_derivatives():
    sigmoid = POINTS.sigmoid()
    torch.testing.assert_close(activation_slopes(nn.Sigmoid(), POINTS), sigmoid * (1 - sigmoid))
    torch.testing.assert_close(activation_slopes(nn.Tanh(), POINTS), 1 - POINTS.tanh() ** 2)
    assert activation_slopes(nn.ReLU(), POINTS).tolist() == [[0, 0, 1, 1]]
    assert activation_slopes(nn.LeakyReLU(0.01), POINTS).tolist() == [[pytest.approx(0.01)] * 2 + [1, 1]]


def test_flat_counts_activations_and_dead_counts_units():
    slopes = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.04]])  # unit 0 and, below 0.05, unit 2
    assert flat_fraction(slopes) == pytest.approx(5 / 6)
    assert dead_fraction(slopes) == pytest.approx(2 / 3)


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
