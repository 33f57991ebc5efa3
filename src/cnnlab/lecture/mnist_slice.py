"""The loss of the lecture's network on a plane through its weights, with the paths of several optimisers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.data import evenly_spaced
from cnnlab.lecture.retraining import initial, retrain_all
from cnnlab.observe.loss_surface import surface
from cnnlab.observe.snapshots import snapshot
from cnnlab.observe.weight_path import (
    as_points,
    as_weights,
    principal_directions,
    projected,
    random_walk,
    step_lengths,
)
from cnnlab.report.runs import Run

STEPS = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 190, 280, 400, 600)  # and the last
NUM_IMAGES = 500  # training images on which the loss is measured
NUM_POINTS = 21  # of the grid, along each direction
MARGIN = 0.15  # around the paths, of their extent


def look_at_weights(_step: int, network: nn.Module, _optimizer: Optimizer) -> dict[str, torch.Tensor]:
    """The network's weights after a step, for `retrain_all`."""
    return snapshot(network)


def measure_slice(runs: Mapping[str, Run], steps: Sequence[int] = STEPS) -> dict[str, Any]:
    """The loss on the plane in which the paths of all runs together vary most, through their common start.

    Beside it, how much of the variance of each path its own first two principal directions have, and the same of a
    random walk from the same start with steps as long as SGD's. So one of the runs is `sgd`.

    Args:
        runs: Of the same seed, by name, so that they start from the same weights.
        steps: After which steps a path has a point.
    """
    found = dict(zip(runs, retrain_all(list(runs.values()), steps, look_at_weights), strict=True))
    classifier, data = initial(next(iter(runs.values())))
    state = snapshot(classifier.network)
    names = [name for name, _ in classifier.network.named_parameters()]
    weights = {name: state[name] for name in names}
    points = {name: as_points(each, names) for name, each in found.items()}
    start = next(iter(points.values()))[0]
    along, explained = principal_directions(torch.cat(list(points.values())))
    paths = {name: projected(each, start, along) for name, each in points.items()}
    alphas, betas = (_around(torch.cat([path[:, place] for path in paths.values()])) for place in (0, 1))
    images, labels = (evenly_spaced(part, NUM_IMAGES) for part in data.part("train"))
    both = [as_weights(each, weights) for each in along]
    losses = surface(classifier.network, classifier.loss, images, labels, state, both, alphas, betas)
    walk = random_walk(start, step_lengths(points["sgd"]), torch.Generator().manual_seed(0))
    return {
        "x": _rounded(alphas),
        "y": _rounded(betas),
        "z": [_rounded(column) for column in losses.T],  # (y, x)
        "paths": {name: [_rounded(point) for point in path] for name, path in paths.items()},
        "explained": _rounded(explained),
        "explained_of_each": {name: _explained(path) for name, path in points.items()},
        "explained_of_walk": _explained(walk),
    }


def _explained(points: torch.Tensor) -> list[float]:
    """Shares of the variance of a path along its own first two principal directions."""
    return _rounded(principal_directions(points).explained)


def _around(coordinates: torch.Tensor) -> torch.Tensor:
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = MARGIN * (high - low)
    return torch.linspace(low - margin, high + margin, NUM_POINTS)


def _rounded(values: torch.Tensor) -> list[float]:
    return [float(f"{value:.4g}") for value in values.tolist()]
