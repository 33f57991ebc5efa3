"""The way that weights take, against numpy and the theory of random walks."""

import math

import numpy as np
import pytest
import torch

from cnnlab.observe.weight_path import (
    RANDOM_WALKS_FIRST,
    as_points,
    as_weights,
    principal_directions,
    projected,
    random_walk,
    step_lengths,
)


def walk(num_steps: int, dimension: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return random_walk(torch.zeros(dimension, dtype=torch.float64), torch.ones(num_steps), generator)


def test_the_principal_directions_are_those_of_the_singular_value_decomposition():
    points = walk(9, 30)
    components, explained = principal_directions(points, 3)
    centered = points.numpy() - points.numpy().mean(axis=0)
    _, singular, rows = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(explained, singular[:3] ** 2 / (singular**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(np.abs((components.numpy() * rows[:3]).sum(axis=1)), 1, rtol=1e-9)
    torch.testing.assert_close(components @ components.T, torch.eye(3, dtype=torch.float64))
    assert ((points[-1] - points[0]) @ components.T >= 0).all()


def test_the_first_component_of_a_long_random_walk_explains_six_over_pi_squared():
    shares = torch.stack([principal_directions(walk(400, 6000, seed), 3).explained for seed in range(2)]).mean(dim=0)
    assert pytest.approx(0.6079, abs=1e-4) == RANDOM_WALKS_FIRST
    assert shares[0].item() == pytest.approx(RANDOM_WALKS_FIRST, abs=0.03)
    assert shares[1].item() == pytest.approx(RANDOM_WALKS_FIRST / 4, abs=0.02)
    assert shares[2].item() == pytest.approx(RANDOM_WALKS_FIRST / 9, abs=0.02)


def test_a_long_random_walk_is_a_cosine_along_each_component():
    """Antognini and Sohl-Dickstein 2018, equation 9: a Lissajous curve in two of them."""
    points = walk(400, 6000)
    components, _ = principal_directions(points)
    coordinates = projected(points, points.mean(dim=0), components)
    times = (torch.arange(401, dtype=torch.float64) + 0.5) / 401
    for index in (0, 1):
        cosine = torch.cos(math.pi * (index + 1) * times)
        correlation = torch.corrcoef(torch.stack([coordinates[:, index], cosine]))[0, 1]
        assert abs(correlation.item()) > 0.98


def test_a_projection_onto_slanted_directions_is_the_nearest_point():
    generator = torch.Generator().manual_seed(3)
    along = torch.randn(2, 12, generator=generator, dtype=torch.float64)
    points, origin = torch.randn(5, 12, generator=generator, dtype=torch.float64), torch.ones(12, dtype=torch.float64)
    found = projected(points, origin, along)
    residual = points - origin - found @ along
    assert (residual @ along.T).abs().max() < 1e-10
    inside = origin + torch.tensor([[2.0, -3.0]], dtype=torch.float64) @ along
    torch.testing.assert_close(projected(inside, origin, along), torch.tensor([[2.0, -3.0]], dtype=torch.float64))


def test_a_walk_has_the_lengths_that_it_is_given():
    lengths = torch.tensor([3.0, 0.5, 0.0, 2.0], dtype=torch.float64)
    start = torch.arange(7.0)
    points = random_walk(start, lengths, torch.Generator().manual_seed(1))
    assert torch.equal(points[0], start.double())
    torch.testing.assert_close(step_lengths(points), lengths)


def test_points_and_weights_are_inverse():
    weights = {"a": torch.randn(2, 3), "b": torch.randn(4)}
    point = as_points([{**weights, "buffer": torch.zeros(9)}], list(weights))[0]
    assert point.shape == (10,)
    assert all(torch.equal(each, weights[name]) for name, each in as_weights(point, weights).items())
