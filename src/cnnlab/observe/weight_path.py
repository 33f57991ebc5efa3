"""The way that weights take through their space: its principal directions, its projection, and a random walk beside it.

Reference:
    J. Antognini, J. Sohl-Dickstein, PCA of high dimensional random walks with comparison to neural network training,
    2018: the principal components of a random walk are Lissajous curves, too, and the first of them explains 6/π² of
    its variance. So a smooth curve in such a picture says nothing about the optimiser.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from cnnlab.observe.loss_surface import Weights

RANDOM_WALKS_FIRST = 6 / math.pi**2  # share of the variance, of a long walk in many dimensions; the k-th has 1/k² of it


class PrincipalDirections(NamedTuple):
    """Where a path varies most.

    Attributes:
        components: (K, D), orthonormal.
        explained: (K,), the share of the path's variance along each.
    """

    components: torch.Tensor
    explained: torch.Tensor


def as_points(states: Sequence[Weights], names: Sequence[str]) -> torch.Tensor:
    """Weights as points: (T, D) float64.

    Args:
        states: Of T snapshots or steps, by name.
        names: The parameters that count, in their order.
    """
    return torch.stack([torch.cat([state[name].flatten().double() for name in names]) for state in states])


def as_weights(point: torch.Tensor, like: Weights) -> dict[str, torch.Tensor]:
    """A point, or a direction, as weights by name: the inverse of `as_points` for a single one.

    Args:
        point: (D,).
        like: Names, in their order, shapes and types.
    """
    parts = point.split([each.numel() for each in like.values()])
    return {name: part.view_as(each).to(each) for part, (name, each) in zip(parts, like.items(), strict=True)}


def principal_directions(points: torch.Tensor, num: int = 2) -> PrincipalDirections:
    """The principal components of a path, by the Gram matrix of its points, of which there are fewer than dimensions.

    Each component points to where the path ends, so that pictures of the same path are not mirrored.

    Args:
        points: (T, D), at least `num + 1` of them, and not all on a line.
        num: How many components.
    """
    centered = points.double() - points.double().mean(dim=0)
    values, vectors = torch.linalg.eigh(centered @ centered.T)  # ascending
    components = (vectors[:, -num:].T.flip(0) @ centered) / values[-num:].flip(0).clamp(min=1e-300).sqrt()[:, None]
    signs = torch.sign((centered[-1] - centered[0]) @ components.T)
    components = components * torch.where(signs == 0, 1.0, signs)[:, None]
    return PrincipalDirections(components, values[-num:].flip(0) / values.sum())


def projected(points: torch.Tensor, origin: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """The coordinates of the points of a plane that are nearest to given points, by least squares.

    The plane's directions need not be orthogonal, and random ones are not.

    Args:
        points: (T, D).
        origin: Of the plane, (D,).
        along: Its directions, (K, D), linearly independent.

    Returns:
        (T, K) float64: multiples of the directions.
    """
    along = along.double()
    solution: torch.Tensor = torch.linalg.lstsq(along.T, (points.double() - origin.double()).T).solution
    return solution.T


def step_lengths(points: torch.Tensor) -> torch.Tensor:
    """The distances between successive points: (T - 1,).

    Args:
        points: (T, D).
    """
    lengths: torch.Tensor = torch.linalg.vector_norm(points[1:] - points[:-1], dim=1)
    return lengths


def random_walk(start: torch.Tensor, lengths: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A walk whose steps have the given lengths, each in a direction of its own, all equally likely.

    Args:
        start: The first point, (D,).
        lengths: Of the steps, (T - 1,).
        generator: On the CPU.

    Returns:
        (T, D) float64.
    """
    steps = torch.randn(len(lengths), len(start), dtype=torch.float64, generator=generator)
    steps = steps * (lengths.double() / torch.linalg.vector_norm(steps, dim=1))[:, None]
    return torch.cat([start.double()[None], start.double() + steps.cumsum(dim=0)])
