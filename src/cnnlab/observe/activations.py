"""Whether activations pass gradients back: measures of one layer's inputs and outputs, from tensors alone."""

from collections.abc import Callable

import torch
from torch import nn

# Slopes are relative to the activation's own largest: sigmoid's is 1/4, tanh's 1, gelu's 1.13.
FLAT = 0.05  # passes almost no gradient back: tanh beyond ±2.2, sigmoid beyond ±4.4, relu and leaky_relu below 0
DEAD = 0.001  # leaky_relu's 0.01 still learns; below 0.001, an epoch of 860 steps counts for less than one
SATURATED = 0.97  # of tanh and sigmoid: outputs beyond
NEAR_ZERO = 0.05
STEEPEST = 20.0  # activations have their largest slope within ±20


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
        (1, units, 1, …), or (1, 1, …) if the activation has no parameters, which units might differ by.
    """
    points = torch.linspace(-STEEPEST, STEEPEST, 4001, dtype=inputs.dtype, device=inputs.device)  # 0 is among them
    points = points.view(-1, *[1] * (inputs.ndim - 1))
    if inputs.ndim > 1 and isinstance(activation, nn.Module) and any(True for _ in activation.parameters()):
        points = points.expand(-1, inputs.shape[1], *[-1] * (inputs.ndim - 2))
    return activation_slopes(activation, points).abs().amax(dim=0, keepdim=True)


def relative_slopes(activation: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The absolute derivative at the inputs, as a fraction of the largest; 0 where the activation is constant.

    Args:
        activation: Elementwise.
        inputs: (B, units, …).
    """
    largest = largest_slope(activation, inputs)
    return activation_slopes(activation, inputs).abs() / largest.clamp(min=torch.finfo(largest.dtype).tiny)


def saturated_fraction(activation: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> float:
    """The fraction of activations in a region where the function is nearly flat.

    Of tanh these are outputs beyond ±0.97, of the sigmoid outputs outside [0.03, 0.97], as Glorot and Bengio draw them;
    of every other function slopes below `FLAT` of its largest, which includes a ReLU that is off.

    Args:
        activation: Elementwise.
        inputs: (B, units, …).

    Reference:
        X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    if isinstance(activation, nn.Tanh | nn.Sigmoid):
        outputs = activation(inputs)
        low = -SATURATED if isinstance(activation, nn.Tanh) else 1 - SATURATED
        is_saturated = (outputs < low) | (outputs > SATURATED)
    else:
        is_saturated = relative_slopes(activation, inputs) < FLAT
    return float(is_saturated.float().mean())


def near_zero_fraction(outputs: torch.Tensor) -> float:
    """The fraction of outputs within ±`NEAR_ZERO`: silent, whatever their slope.

    Args:
        outputs: Of any shape.
    """
    return float((outputs.abs() <= NEAR_ZERO).float().mean())


def dead_fraction(slopes: torch.Tensor) -> float:
    """The fraction of units whose slope is below `DEAD` for every image and position: they cannot learn.

    Args:
        slopes: (B, units, …), relative; a convolution's unit is a channel.
    """
    per_unit = slopes.transpose(0, 1).flatten(start_dim=1).amax(dim=1)
    return float((per_unit < DEAD).float().mean())
