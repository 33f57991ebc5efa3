"""Batch normalisation of a batch, with or without ReLU after it."""

import ctypes
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from cnnlab.kernels.library import address, library, with_real_numbers
from cnnlab.kernels.memory import batch_innermost, with_batch_innermost
from cnnlab.kernels.torch_gradients import are_needed, gradients_of


@with_real_numbers
def batch_norm(
    images: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    epsilon: float,
    *,
    is_rectified: bool = False,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`functional.batch_norm(…, training=True)`, then `relu` if `is_rectified`.

    Args:
        images: (N, C, H, W), on the CPU, with the batch innermost in memory, or copied to that layout.
        weight: (C,), or None.
        bias: (C,), or None.
        epsilon: Added to the variance.
        is_rectified: Whether ReLU follows.

    Returns:
        The normalised images, the batch innermost in memory, and the mean and the variance (of the population) of each
        channel (C,), which have no gradient.
    """
    weight, bias = (None if each is None else each.contiguous() for each in (weight, bias))
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = _BatchNorm.apply(
        with_batch_innermost(images), weight, bias, epsilon, is_rectified
    )
    return found


class _Arguments(ctypes.Structure):
    """As `BatchNorm` in batch_norm.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("channels", "length")),
        *((name, ctypes.c_void_p) for name in ("x", "weight", "bias", "y", "mean", "variance", "y_gradient")),
        *((name, ctypes.c_void_p) for name in ("x_gradient", "weight_gradient", "bias_gradient")),
        ("epsilon", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("is_rectified", "threads")),
    )


def _arguments(images: torch.Tensor, *tensors: torch.Tensor | None, epsilon: float, is_rectified: bool) -> _Arguments:
    num_images, channels, height, width = images.shape
    addresses = map(address, (images, *tensors))
    length = num_images * height * width
    return _Arguments(channels, length, *addresses, epsilon, is_rectified, torch.get_num_threads())


class _BatchNorm(torch.autograd.Function):
    """As `batch_norm`."""

    @staticmethod
    def forward(
        ctx: Any,
        images: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        epsilon: float,
        is_rectified: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        normalised = batch_innermost(images.shape, images.dtype)
        mean, variance = images.new_empty(2, images.shape[1]).unbind()
        kernels = library(images.dtype)
        assert kernels is not None
        arguments = _arguments(
            *(images, weight, bias, normalised, mean, variance, None, None, None, None),
            epsilon=epsilon, is_rectified=is_rectified,
        )  # fmt: skip
        kernels.batch_norm_forward(ctypes.byref(arguments))
        ctx.save_for_backward(images, weight, bias, normalised if is_rectified else None, mean, variance)
        ctx.epsilon, ctx.is_rectified = epsilon, is_rectified
        ctx.mark_non_differentiable(mean, variance)
        return normalised, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, *_: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        images, weight, bias, normalised, mean, variance = ctx.saved_tensors
        if are_needed(gradient):
            compute = partial(_by_torch, ctx.epsilon, ctx.is_rectified)
            return *gradients_of(compute, (images, weight, bias), gradient), None, None
        gradient = with_batch_innermost(gradient.resolve_neg())
        images = with_batch_innermost(images)  # whoever has kept it may have changed its layout
        normalised = None if normalised is None else with_batch_innermost(normalised)
        image_gradient = batch_innermost(images.shape, images.dtype)
        weight_gradient, bias_gradient = images.new_empty(2, images.shape[1]).unbind()
        kernels = library(images.dtype)
        assert kernels is not None
        arguments = _arguments(
            *(images, weight, None, normalised, mean, variance, gradient),
            *(image_gradient, weight_gradient, bias_gradient),
            epsilon=ctx.epsilon, is_rectified=ctx.is_rectified,
        )  # fmt: skip
        kernels.batch_norm_backward(ctypes.byref(arguments))
        return (
            image_gradient,
            None if weight is None else weight_gradient,
            None if bias is None else bias_gradient,
            None,
            None,
        )


def _by_torch(
    epsilon: float, is_rectified: bool, images: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None
) -> torch.Tensor:
    """The normalised images of `batch_norm`, with torch's kernels."""
    normalised = functional.batch_norm(images, None, None, weight, bias, training=True, eps=epsilon)
    return functional.relu(normalised) if is_rectified else normalised
