"""The loss on a plane through a network's weights."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.func import functional_call

from cnnlab.nn.modes import evaluation_mode

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Weights = Mapping[str, torch.Tensor]


def directions(weights: Weights, generator: torch.Generator) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Two random directions, normalised by filter, so that pictures of different networks can be compared.

    Args:
        weights: Of the plane's center, by name: parameters only.
        generator: On the CPU.
    """
    return random_direction(weights, generator), random_direction(weights, generator)


def random_direction(weights: Weights, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """A random direction, normalised by filter.

    Args:
        weights: Parameters, by name.
        generator: On the CPU.
    """
    random = {name: torch.randn(each.shape, generator=generator).to(each) for name, each in weights.items()}
    return normalised_by_filter(random, weights)


def normalised_by_filter(direction: Weights, weights: Weights) -> dict[str, torch.Tensor]:
    """A direction whose filters have the norms of the weights' filters.

    A filter is the incoming weights of one channel or neuron, a row of the first dimension. A bias, or another
    parameter with a single dimension, is scaled once, as a whole: each of its entries alone would be ± the weight's.

    Args:
        direction: Any, by name.
        weights: Of the same names and shapes.

    Returns:
        Zero where the weights are zero.

    Reference:
        H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, Visualizing the loss landscape of neural nets, 2018, sec. 4.
    """
    normalised = {}
    for name, each in direction.items():
        dimensions = tuple(range(1, each.ndim)) if each.ndim >= 2 else None  # None: all of them
        wanted = torch.linalg.vector_norm(weights[name], dim=dimensions, keepdim=True)
        length = torch.linalg.vector_norm(each, dim=dimensions, keepdim=True)
        normalised[name] = each * (wanted / length.clamp(min=torch.finfo(length.dtype).tiny))
    return normalised


def surface(
    network: nn.Module,
    loss: Loss,
    images: torch.Tensor,
    labels: torch.Tensor,
    center: Weights,
    directions: Sequence[Weights],
    alphas: torch.Tensor,
    betas: torch.Tensor,
) -> torch.Tensor:
    """The loss at `center + alpha·directions[0] + beta·directions[1]`, in evaluation mode.

    The network's own weights are neither used nor changed.

    Args:
        network: Images to logits.
        loss: Logits and labels to a scalar.
        images: (N, C, H, W).
        labels: (N,).
        center: Of each parameter, by name; and of each buffer, or the network's own are used.
        directions: Two, each of some of the parameters.
        alphas: Steps along the first direction, (A,).
        betas: Steps along the second one, (B,).

    Returns:
        (A, B) float64.
    """
    first, second = directions
    losses = torch.empty(len(alphas), len(betas), dtype=torch.float64)
    with evaluation_mode(network), torch.no_grad():
        for row, alpha in enumerate(alphas.tolist()):
            moved = _moved(center, first, alpha)
            for column, beta in enumerate(betas.tolist()):
                logits = functional_call(network, _moved(moved, second, beta), (images,))
                losses[row, column] = loss(logits, labels)
    return losses


def _moved(weights: Weights, direction: Weights, length: float) -> dict[str, torch.Tensor]:
    """The weights after a step of some length along a direction."""
    return {name: each + length * direction[name] if name in direction else each for name, each in weights.items()}
