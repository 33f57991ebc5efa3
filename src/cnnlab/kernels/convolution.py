"""A convolution, with or without max pooling after it, as a function of tensors that autograd knows."""

import ctypes
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from cnnlab.kernels.library import address, can_take, library, with_real_numbers
from cnnlab.kernels.memory import batch_innermost
from cnnlab.kernels.torch_gradients import are_needed, gradients_of

SIZES = (3, 5)  # of filters
MIN_IMAGES = 8  # with fewer, vectors are mostly empty, and torch is faster
MAX_SIDE = 4096  # of images: a row of windows has to fit on a thread's stack
MAX_NUMBERS = 2**31  # of all maps of an image: indices are of 32 bits


class Steps(NamedTuple):
    """What a convolution does before and after the products."""

    padding: int
    is_pooled: bool
    is_rectified: bool


@with_real_numbers
def conv2d(
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    padding: int = 0,
    *,
    is_pooled: bool = False,
    is_rectified: bool = False,
) -> torch.Tensor:
    """`functional.conv2d(images, weight, bias, padding=padding)`, with what often follows in the same pass.

    It can be differentiated twice; the second time with torch's kernels. Like torch's pooling it gives the gradient to
    the first of equal pixels, and NaN is the largest number.

    Args:
        images: (N, C, H, W), N at least 1, on the CPU, in any layout.
        weight: (O, C, k, k), k of `SIZES`.
        bias: (O,), or None.
        padding: Zeros on each side, less than k.
        is_pooled: Whether `max_pool2d(…, 2)` follows.
        is_rectified: Whether `relu` follows the pooling.

    Returns:
        (N, O, h, w), h and w at least 1, the batch innermost in memory.
    """
    weight, bias = weight.contiguous(), None if bias is None else bias.contiguous()
    steps = Steps(padding, is_pooled, is_rectified)
    assert is_pooled or not is_rectified
    if torch.is_grad_enabled():
        maps: torch.Tensor = _Convolution.apply(images, weight, bias, steps)
        return maps
    return _forward(images, weight, bias, steps)[0]


def can_convolve(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int) -> bool:
    """Whether `conv2d` takes these, and is faster than torch."""
    if not can_take(images, weight, bias) or images.ndim != 4 or weight.ndim != 4:
        return False
    num_images, channels, height, width = images.shape
    filters, filter_channels, size, columns = weight.shape
    return (
        num_images >= MIN_IMAGES
        and channels == filter_channels
        and size in SIZES
        and size == columns
        and 0 <= padding < size
        and min(height, width) + 2 * padding > size
        and max(height, width) <= MAX_SIDE
        and max(channels, filters) * (height + 2 * size) * (width + 2 * size) < MAX_NUMBERS
        and (bias is None or bias.shape == (filters,))
    )


class _Sizes(ctypes.Structure):
    """As `Convolution` in convolution.c."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("images", "channels", "height", "width")),
        *((name, ctypes.c_int64) for name in ("filters", "size", "padding", "is_pooled")),
        *((name, ctypes.c_int64 * 4) for name in ("x_strides", "g_strides")),
        *((name, ctypes.c_int64) for name in ("is_rectified", "needs_input_gradient", "threads")),
    )


class _Plan:
    """What does not change from step to step."""

    def __init__(
        self,
        image_shape: torch.Size,
        image_strides: tuple[int, ...],
        weight_shape: torch.Size,
        steps: Steps,
        dtype: torch.dtype,
        threads: int,
        gradient_strides: tuple[int, ...] = (0, 0, 0, 0),
        needs_input_gradient: bool = False,
    ) -> None:
        num_images, channels, height, width = image_shape
        filters, _, size, _ = weight_shape
        rows, columns = (pixels + 2 * steps.padding - size + 1 for pixels in (height, width))
        if steps.is_pooled:
            rows, columns = rows // 2, columns // 2
        kernels = library(dtype)
        assert kernels is not None
        self.forward, self.backward = kernels.conv_forward, kernels.conv_backward
        self.map_shape = (num_images, filters, rows, columns)
        self.num_chosen = filters * rows * columns * -(-num_images // kernels.lanes()) * kernels.lanes()
        self._sizes = _Sizes(
            *(num_images, channels, height, width, filters, size, steps.padding, steps.is_pooled),
            *((ctypes.c_int64 * 4)(*strides) for strides in (image_strides, gradient_strides)),
            *(steps.is_rectified, needs_input_gradient, threads),
        )
        self.address = ctypes.addressof(self._sizes)
        self.forward_scratch = kernels.conv_forward_scratch(self.address)
        self.backward_scratch = kernels.conv_backward_scratch(self.address)


_plan = lru_cache(maxsize=1024)(_Plan)


def _forward(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, steps: Steps
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The maps, and which pixels pooling has chosen."""
    plan = _plan(images.shape, images.stride(), weight.shape, steps, images.dtype, torch.get_num_threads())
    maps = batch_innermost(plan.map_shape, images.dtype)
    chosen = torch.empty(plan.num_chosen, dtype=torch.uint8, device="cpu") if steps.is_pooled else None
    scratch = torch.empty(plan.forward_scratch, dtype=images.dtype, device="cpu")
    plan.forward(
        *(plan.address, images.data_ptr(), weight.data_ptr(), address(bias)),
        *(maps.data_ptr(), address(chosen), scratch.data_ptr()),
    )
    return maps, chosen


class _Convolution(torch.autograd.Function):
    """As `conv2d`."""

    @staticmethod
    def forward(
        ctx: Any, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, steps: Steps
    ) -> torch.Tensor:
        maps, chosen = _forward(images, weight, bias, steps)
        ctx.save_for_backward(images, weight, bias, chosen)
        ctx.steps = steps
        return maps

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        images, weight, bias, chosen = ctx.saved_tensors
        if are_needed(gradient):
            return *gradients_of(partial(_by_torch, ctx.steps), (images, weight, bias), gradient), None
        gradient = gradient.resolve_neg()
        needs_input = ctx.needs_input_grad[0]
        plan = _plan(
            *(images.shape, images.stride(), weight.shape, ctx.steps, images.dtype, torch.get_num_threads()),
            *(gradient.stride(), needs_input),
        )
        image_gradient = batch_innermost(images.shape, images.dtype) if needs_input else None
        weight_gradient, bias_gradient = torch.empty_like(weight), weight.new_empty(len(weight))
        scratch = torch.empty(plan.backward_scratch, dtype=images.dtype, device="cpu")
        plan.backward(
            *(plan.address, images.data_ptr(), weight.data_ptr(), gradient.data_ptr(), address(chosen)),
            *(address(image_gradient), weight_gradient.data_ptr(), bias_gradient.data_ptr(), scratch.data_ptr()),
        )
        return image_gradient, weight_gradient, None if bias is None else bias_gradient, None


def _by_torch(steps: Steps, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """As `conv2d`, with torch's kernels."""
    maps = functional.conv2d(images, weight, bias, padding=steps.padding)
    maps = functional.max_pool2d(maps, 2) if steps.is_pooled else maps
    return functional.relu(maps) if steps.is_rectified else maps
