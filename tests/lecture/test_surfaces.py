"""The toy surfaces, and the paths of optimisers on them."""

import math

import numpy as np
import pytest
import torch

from cnnlab.lecture.descents import RATES, Effort, best_rate, run_descent, shown_paths, stays_on_ridge
from cnnlab.lecture.surfaces import (
    RIDGE_X,
    SURFACES,
    descend,
    draw_starts_and_noise,
    ends_in_good_valley,
    optimizer_option,
    reversal_share,
    steps_to_leave_ridge,
    steps_to_target,
    two_valleys,
)
from cnnlab.optim import LectureAdagrad

RAVINE, PLATEAU, SADDLE, VALLEYS = SURFACES.values()


def gradient(surface, place):
    weights = torch.tensor(place, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(surface.loss(weights), weights)[0]


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_the_minimum_of_a_surface_is_its_smallest_loss(surface):
    x, y = np.meshgrid(np.linspace(*surface.x, 200), np.linspace(*surface.y, 200))
    least = surface.loss(torch.tensor(surface.minimum, dtype=torch.float64))
    assert gradient(surface, surface.minimum).abs().max() < 0.01
    assert least <= surface.loss(torch.tensor(np.stack([x, y], axis=-1))).min() + 1e-3
    assert least < surface.target < surface.loss(torch.tensor(surface.start))


def test_the_two_valleys_have_a_ridge_between_a_poor_and_a_good_minimum():
    places = torch.tensor([[-1.83, 0.0], [RIDGE_X, 0.0], [2.136, 0.0]], dtype=torch.float64)
    poor, ridge, good = two_valleys(places)
    assert good < poor < ridge
    assert all(gradient(VALLEYS, place).abs().max() < 0.01 for place in places.tolist())


def test_a_path_is_the_optimisers_own():
    """SGD and momentum on the ravine, by hand: the gradient is (0.18 x, 18 y)."""
    curvature = np.array([0.18, 18.0])
    for name, momentum in (("sgd", 0.0), ("momentum", 0.5)):
        (path,) = descend(RAVINE.loss, optimizer_option(name), [0.05], np.array([[-8.0, 1.0]]), np.zeros((10, 1, 2)))
        weights, velocity = np.array([-8.0, 1.0]), np.zeros(2)
        for step in range(11):
            np.testing.assert_allclose(path[0, step], weights, rtol=1e-12)
            velocity = momentum * velocity + curvature * weights
            weights = weights - 0.05 * velocity


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"])
def test_paths_side_by_side_are_those_of_each_alone(name):
    starts, noise = draw_starts_and_noise(RAVINE, 0, 3, 20, is_noisy=True)
    together = descend(RAVINE.loss, optimizer_option(name), [0.01, 0.1], starts, noise)
    assert together.shape == (2, 3, 21, 2)
    for rate, of_rate in zip([0.01, 0.1], together, strict=True):
        for index, path in enumerate(of_rate):
            each = slice(index, index + 1)
            alone = descend(RAVINE.loss, optimizer_option(name), [rate], starts[each], noise[:, each])
            np.testing.assert_allclose(path, alone[0, 0], rtol=1e-9)


def test_an_option_is_that_of_the_configuration():
    (group,) = optimizer_option("nesterov")([{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.5}]).param_groups
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.5, 0.9, True)
    made = optimizer_option("adagrad_lecture")([{"params": [torch.zeros(1, requires_grad=True)]}])
    assert isinstance(made, LectureAdagrad)


def test_noise_is_a_function_of_the_seed():
    first, again, other = (draw_starts_and_noise(PLATEAU, seed, 2, 5, is_noisy=True) for seed in (0, 0, 1))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert all((one != two).all() for one, two in zip(first, other, strict=True))
    starts, noise = draw_starts_and_noise(PLATEAU, 0, 2, 5, is_noisy=False)
    assert (starts == first[0]).all()
    assert not noise.any()


def test_steps_are_counted_until_the_loss_stays_small():
    y = np.array([[1.0, 0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0], [1.0, math.nan, 0.0, 0.0, 0.0]])
    paths = np.stack([np.zeros_like(y), y], axis=-1)
    assert steps_to_target(RAVINE, paths).tolist() == [3, 4, 2]


def test_a_path_leaves_the_ridge_when_it_is_half_way_to_a_minimum():
    y = np.array([[0.0, 0.4, -0.6, 0.0], [0.0, 0.1, 0.2, 0.3]])
    assert steps_to_leave_ridge(np.stack([np.zeros_like(y), y], axis=-1)).tolist() == [2, 3]


def test_reversals_are_counted_across_the_ravine_up_to_the_target():
    y = np.array([[1.0, -1.0, 1.0, 0.9, 0.8], [1.0, 0.9, 0.8, 0.7, 0.6]])
    paths = np.stack([np.zeros_like(y), y], axis=-1)
    np.testing.assert_allclose(reversal_share(paths, np.array([4.0, 4.0])), [2 / 3, 0])
    np.testing.assert_allclose(reversal_share(paths, np.array([3.0, 1.0])), [1, 0])


def test_the_good_valley_is_beyond_the_ridge_and_below_it():
    ends = np.array([[2.1, 0.0], [-1.8, 0.0], [2.1, 9.0], [math.nan, 0.0], [math.inf, 0.0]])
    assert ends_in_good_valley(ends[:, None]).tolist() == [True, False, False, False, False]


def test_no_optimiser_leaves_the_exact_ridge_and_a_push_makes_it_leave():
    assert stays_on_ridge("adam", Effort(30, 1))
    paths = descend(SADDLE.loss, optimizer_option("sgd"), [0.3], np.array([[-1.5, 1e-3]]), np.zeros((60, 1, 2)))
    assert abs(paths[0, 0, -1, 1] - 1) < 0.01


def test_the_best_rate_is_the_fastest_and_of_equal_ones_the_middle():
    effort = Effort(num_steps=60, num_paths=2)
    best = best_rate(PLATEAU, "adam", False, effort)
    fastest = run_descent(PLATEAU, "adam", best, [1000], False, effort).decades()
    others = [run_descent(PLATEAU, "adam", rate, [1000], False, effort).decades() for rate in RATES[::6]]
    assert fastest <= min(others)
    assert best_rate(SADDLE, "adam", False, effort) == RATES[len(RATES) // 2], "none leaves, all are equal"


def test_a_shown_path_is_short_finite_and_near_the_picture():
    steady, diverging = shown_paths(RAVINE, "sgd", [0.01, 1.0], False, Effort(300, 1))
    assert len(steady) <= 60
    assert steady[0] == [-8.0, 1.0]
    assert steady[-1][0] > -5
    assert 1 <= len(diverging) < 10
    assert np.isfinite(diverging).all()
    assert np.abs(diverging).max() < 30
