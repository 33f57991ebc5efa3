"""Measures of whether a layer learns, computed from tensors alone."""

from collections.abc import Callable

import torch
from torch import nn

FLAT = 0.05  # a smaller derivative passes almost no gradient back


def gradient_norm(parameter: nn.Parameter) -> float:
    """The Euclidean norm of a parameter's gradient; 0 without one."""
    return 0.0 if parameter.grad is None else float(parameter.grad.norm())


def update_ratio(before: torch.Tensor, after: torch.Tensor) -> float:
    """|Δw| / |w|: the length of one step relative to the weights; about 1e-3 is healthy.

    Args:
        before: The weights before the step.
        after: The weights after it.
    """
    return float((after - before).norm() / before.norm().clamp(min=torch.finfo(before.dtype).tiny))


def activation_slopes(activation: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The derivative of an elementwise activation at its inputs, of the inputs' shape."""
    with torch.enable_grad():
        inputs = inputs.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(activation(inputs.clone()).sum(), inputs)  # a clone for activations in place
    return slopes


def flat_fraction(slopes: torch.Tensor) -> float:
    """The fraction of activations whose slope is below `FLAT`: saturated, or off.

    Args:
        slopes: (B, units, …).
    """
    return float((slopes.abs() < FLAT).float().mean())


def dead_fraction(slopes: torch.Tensor) -> float:
    """The fraction of units whose slope is below `FLAT` for every image and position: they cannot learn.

    Args:
        slopes: (B, units, …); a convolution's unit is a channel.
    """
    per_unit = slopes.abs().transpose(0, 1).flatten(start_dim=1).amax(dim=1)
    return float((per_unit < FLAT).float().mean())
