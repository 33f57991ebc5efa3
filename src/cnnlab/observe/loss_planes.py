"""The planes of a run's loss-surface picture: two random directions, those of the training's path, those of a walk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from cnnlab.errors import UserError
from cnnlab.observe.loss_surface import Loss, directions, surface
from cnnlab.observe.weight_path import (
    as_points,
    as_weights,
    principal_directions,
    projected,
    random_walk,
    step_lengths,
)

MARGIN = 0.3  # around a path, of its extent
FEWEST_POINTS = 3  # of a path: they span a plane


@dataclass(frozen=True)
class Plane:
    """A plane through the space of weights: the loss on it, and a path projected onto it.

    Attributes:
        kind: `random`, `training` or `walk`.
        alphas: Steps along the first direction, (A,).
        betas: Steps along the second one, (B,).
        losses: (A, B).
        path: (T, 2), in steps along both.
        explained: The share of the path's variance along each direction, if they are its principal ones.
    """

    kind: str
    alphas: torch.Tensor
    betas: torch.Tensor
    losses: torch.Tensor
    path: torch.Tensor
    explained: tuple[float, float] | None = None


def planes(
    network: nn.Module,
    loss: Loss,
    images: torch.Tensor,
    labels: torch.Tensor,
    states: Sequence[Mapping[str, torch.Tensor]],
    num_points: int = 21,
    seed: int = 0,
) -> list[Plane]:
    """The loss on three planes, with a path on each.

    `random`: two random directions, normalised by filter, around the last weights; the training's path hardly moves in
    it. `training`: the two principal directions of the training's path, through its last weights. `walk`: the same of a
    random walk from the initial weights with steps as long as the training's.

    Args:
        network: Images to logits.
        loss: Logits and labels to a scalar.
        images: (N, C, H, W).
        labels: (N,).
        states: The network's state after each epoch, from the initial one; three at least.
        num_points: Of the grid, along each direction.
        seed: Of the random directions and of the walk.

    Raises:
        UserError: If there are fewer states, they are not of this network, or its weights never change.
    """
    last = _checked(network, states)
    names = [name for name, _ in network.named_parameters()]
    weights = {name: last[name] for name in names}
    generator = torch.Generator().manual_seed(seed)
    points = as_points(states, names)
    if bool((points == points[0]).all()):
        raise UserError("the weights are the same in all snapshots, so there is no path; train with a larger lr")

    def on(kind: str, path: torch.Tensor, along: torch.Tensor, explained: tuple[float, float] | None) -> Plane:
        coordinates = projected(path, path[-1], along)
        alphas, betas = (
            torch.linspace(-1, 1, num_points) if kind == "random" else _around(coordinates[:, place], num_points)
            for place in (0, 1)
        )
        center = {**last, **as_weights(path[-1], weights)}
        both = [as_weights(each, weights) for each in along]
        losses = surface(network, loss, images, labels, center, both, alphas, betas)
        return Plane(kind, alphas, betas, losses, coordinates, explained)

    found = [on("random", points, as_points(directions(weights, generator), names), None)]
    for kind, path in (
        ("training", points),
        ("walk", random_walk(points[0], step_lengths(points), generator)),
    ):
        components, (first, second) = principal_directions(path)
        found.append(on(kind, path, components, (float(first), float(second))))
    return found


def _checked(network: nn.Module, states: Sequence[Mapping[str, torch.Tensor]]) -> Mapping[str, torch.Tensor]:
    """The last state."""
    if len(states) < FEWEST_POINTS:
        raise UserError(
            f"{len(states)} snapshots span no plane; it needs {FEWEST_POINTS}: train for two epochs or more"
        )
    expected = {name: each.shape for name, each in network.state_dict().items()}
    if any({name: each.shape for name, each in state.items()} != expected for state in states):
        raise UserError("the snapshots are of another network; run the experiment again")
    return states[-1]


def _around(coordinates: torch.Tensor, num_points: int) -> torch.Tensor:
    """Points that cover a path's coordinates, and some more."""
    low, high = float(coordinates.min()), float(coordinates.max())
    margin = MARGIN * (high - low) or 1.0
    return torch.linspace(low - margin, high + margin, num_points)
