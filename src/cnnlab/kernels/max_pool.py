"""Max pooling of 2×2 pixels."""

import ctypes
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from cnnlab.kernels.library import address, library, with_real_numbers
from cnnlab.kernels.memory import batch_innermost, with_batch_innermost
from cnnlab.kernels.torch_gradients import are_needed, gradients_of


@with_real_numbers
def max_pool2d(images: torch.Tensor) -> torch.Tensor:
    """`functional.max_pool2d(images, 2)`.

    Args:
        images: (N, C, H, W), H and W at least 2, on the CPU; copied unless the batch is innermost in memory.

    Returns:
        (N, C, H // 2, W // 2), the batch innermost in memory.
    """
    pooled: torch.Tensor = _MaxPool.apply(with_batch_innermost(images))
    return pooled


class _Arguments(ctypes.Structure):
    """As `MaxPool` in max_pool.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("channels", "rows", "columns", "images")),
        *((name, ctypes.c_void_p) for name in ("x", "y", "chosen", "y_gradient", "x_gradient")),
        ("threads", ctypes.c_int64),
    )


def _arguments(shape: torch.Size, *tensors: torch.Tensor | None) -> _Arguments:
    num_images, channels, height, width = shape
    return _Arguments(channels, height, width, num_images, *map(address, tensors), torch.get_num_threads())


class _MaxPool(torch.autograd.Function):
    """As `max_pool2d`."""

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor) -> torch.Tensor:
        num_images, channels, height, width = images.shape
        shape = (num_images, channels, height // 2, width // 2)
        pooled, chosen = (batch_innermost(shape, dtype) for dtype in (images.dtype, torch.uint8))
        kernels = library(images.dtype)
        assert kernels is not None
        kernels.max_pool_forward(ctypes.byref(_arguments(images.shape, images, pooled, chosen, None, None)))
        ctx.save_for_backward(images, chosen)
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        images, chosen = ctx.saved_tensors
        if are_needed(gradient):
            (found,) = gradients_of(partial(functional.max_pool2d, kernel_size=2), (images,), gradient)
            assert found is not None
            return found
        gradient = with_batch_innermost(gradient.resolve_neg())
        chosen = with_batch_innermost(chosen)  # whoever has kept it may have changed its layout
        spread = batch_innermost(images.shape, images.dtype)
        kernels = library(images.dtype)
        assert kernels is not None
        kernels.max_pool_backward(ctypes.byref(_arguments(images.shape, None, None, chosen, gradient, spread)))
        return spread
