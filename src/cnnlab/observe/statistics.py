"""Measures of whether a layer learns, computed from tensors alone."""

from collections.abc import Callable

import torch
from torch import nn

# Slopes are relative to the activation's own largest: sigmoid's is 1/4, tanh's 1, gelu's 1.13.
FLAT = 0.05  # passes almost no gradient back: tanh beyond ±2.2, sigmoid beyond ±4.4, relu and leaky_relu below 0
DEAD = 0.001  # leaky_relu's 0.01 still learns; below 0.001, an epoch of 860 steps counts for less than one
STEEPEST = 20.0  # activations have their largest slope within ±20


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


def largest_slope(activation: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The largest absolute derivative of an elementwise activation for each unit, to broadcast against its inputs.

    Args:
        activation: With parameters for each unit, such as PReLU's, if it has any.
        inputs: (B, units, …): their type and number of units are used.

    Returns:
        (1, units, 1, …), or (1,) if the inputs have no units.
    """
    points = torch.linspace(-STEEPEST, STEEPEST, 4001, dtype=inputs.dtype, device=inputs.device)  # 0 is among them
    if inputs.ndim > 1:
        points = points.view(-1, *[1] * (inputs.ndim - 1)).expand(-1, inputs.shape[1], *[-1] * (inputs.ndim - 2))
    return activation_slopes(activation, points).abs().amax(dim=0, keepdim=True)


def relative_slopes(activation: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The absolute derivative at the inputs, as a fraction of the largest; 0 where the activation is constant.

    Args:
        activation: Elementwise.
        inputs: (B, units, …).
    """
    largest = largest_slope(activation, inputs)
    return activation_slopes(activation, inputs).abs() / largest.clamp(min=torch.finfo(largest.dtype).tiny)


def flat_fraction(slopes: torch.Tensor) -> float:
    """The fraction of activations whose slope is below `FLAT`: saturated, or off.

    Args:
        slopes: (B, units, …), relative.
    """
    return float((slopes < FLAT).float().mean())


def dead_fraction(slopes: torch.Tensor) -> float:
    """The fraction of units whose slope is below `DEAD` for every image and position: they cannot learn.

    Args:
        slopes: (B, units, …), relative; a convolution's unit is a channel.
    """
    per_unit = slopes.transpose(0, 1).flatten(start_dim=1).amax(dim=1)
    return float((per_unit < DEAD).float().mean())
