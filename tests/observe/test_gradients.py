"""Measures of gradients and updates."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.observe.gradients import cosine, first_to_last_ratio, sign_agreement, update_ratio


@given(st.lists(st.floats(-5, 5).filter(lambda value: abs(value) > 1e-3), min_size=1, max_size=5), st.floats(0.001, 2))
def test_a_scaled_weight_has_that_update_ratio(weights: list[float], scale: float):
    before = torch.tensor(weights, dtype=torch.float64)
    assert update_ratio(before, before * (1 + scale)) == pytest.approx(scale, rel=1e-6)


def test_the_share_of_the_more_frequent_sign_is_a_mean_over_neurons_and_leaves_zeros_out():
    gradients = torch.tensor([[1.0, 2.0, -1.0, 0.0], [-1.0, -2.0, -3.0, -4.0], [0.0, 0.0, 0.0, 0.0]])
    assert sign_agreement(gradients) == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(sign_agreement(torch.zeros(2, 3)))


def test_positive_inputs_give_every_weight_of_a_neuron_the_sign_of_its_error():
    generator = torch.Generator().manual_seed(0)
    errors, inputs = torch.randn(50, 5, generator=generator), torch.rand(50, 100, generator=generator)
    of_examples = errors.unsqueeze(2) * inputs.unsqueeze(1)  # (B, neurons, inputs) of a linear layer
    assert sign_agreement(of_examples.flatten(0, 1)) == 1
    centred = errors.unsqueeze(2) * torch.randn(50, 1, 100, generator=generator)
    assert sign_agreement(centred.flatten(0, 1)) == pytest.approx(0.5 + 0.4 / math.sqrt(100), abs=0.02)


def test_the_cosine_of_two_updates_is_that_of_their_concatenation():
    first, second = (torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])), (torch.tensor([4.0]), torch.tensor([[3.0, 0.0]]))
    assert cosine(first, second) == pytest.approx(12 / 25)
    assert cosine(first, [-part for part in first]) == pytest.approx(-1)
    assert math.isnan(cosine(first, [torch.zeros(1), torch.zeros(1, 2)]))


def test_a_gradient_that_shrinks_towards_the_first_layer_vanishes():
    assert first_to_last_ratio([1e-6, 1e-3, 1.0]) == pytest.approx(1e-6)
    assert math.isnan(first_to_last_ratio([1.0, 0.0]))
