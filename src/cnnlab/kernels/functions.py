"""A convolution, with or without max pooling after it, as a function of tensors that autograd knows."""

import ctypes
from functools import lru_cache
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.nn import functional

from cnnlab.kernels.library import Convolution, available, library

SIZES = (3, 5)  # of filters
MIN_IMAGES = 8  # with fewer, vectors are mostly empty, and torch is faster


def conv2d(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int = 0, *, is_pooled: bool = False
) -> torch.Tensor:
    """`functional.conv2d(images, weight, bias, padding=padding)`, then `max_pool2d(…, 2)` if `is_pooled`.

    It can be differentiated twice; the second time with torch's kernels. Like torch's pooling it gives the gradient to
    the first of equal pixels, and NaN is the largest number.

    Args:
        images: (N, C, H, W), on the CPU, in any layout.
        weight: (O, C, k, k), k of `SIZES`.
        bias: (O,), or None.
        padding: Zeros on each side, less than k.
        is_pooled: Whether the largest of each 2×2 pixels is taken.

    Returns:
        (N, O, h, w), the batch innermost in memory.
    """
    weight = weight.contiguous()
    if torch.is_grad_enabled():
        maps: torch.Tensor = _Convolution.apply(images, weight, bias, padding, is_pooled)
        return maps
    return _forward(images, weight, bias, padding, is_pooled)[0]


def dropout_mask(like: torch.Tensor, p: float) -> torch.Tensor:
    """Random zeros, with probability p, and 1/(1-p) elsewhere; a function of the default generator's state.

    Args:
        like: What the mask is for, on the CPU; the mask has its shape, type and layout.
        p: From 0 to 1.
    """
    mask = torch.empty_like(like)
    kernels = library(mask.dtype)
    assert kernels is not None
    key = torch.empty((), dtype=torch.int64).random_().item()
    kernels.dropout_mask(mask.data_ptr(), mask.numel(), key, p)
    return mask


def can_take(tensor: torch.Tensor) -> bool:
    """Whether our kernels are available for a tensor, and nothing is active that has to look into them.

    That is `torch.compile`, a transform of `torch.func`, forward-mode differentiation and autocast.
    """
    return (
        tensor.device.type == "cpu"
        and available(tensor.dtype)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()  # 0.1 µs; torch has no public way to ask
        and forward_ad._current_level < 0
    )


def can_convolve(images: torch.Tensor, weight: torch.Tensor, padding: int) -> bool:
    """Whether `conv2d` takes these, and is faster than torch."""
    size = weight.shape[2]
    return (
        can_take(images)
        and images.dtype == weight.dtype
        and images.ndim == 4
        and len(images) >= MIN_IMAGES
        and size in SIZES
        and size == weight.shape[3]
        and 0 <= padding < size
        and min(images.shape[2:]) + 2 * padding > size
    )


class _Plan:
    """Sizes that do not change from step to step."""

    def __init__(
        self,
        image_shape: torch.Size,
        image_strides: tuple[int, ...],
        weight_shape: torch.Size,
        padding: int,
        is_pooled: bool,
        dtype: torch.dtype,
        threads: int,
        gradient_strides: tuple[int, ...] = (0, 0, 0, 0),
        needs_input_gradient: bool = False,
    ) -> None:
        num_images, channels, height, width = image_shape
        filters, _, size, _ = weight_shape
        rows, columns = (pixels + 2 * padding - size + 1 for pixels in (height, width))
        if is_pooled:
            rows, columns = rows // 2, columns // 2
        kernels = library(dtype)
        assert kernels is not None
        self.forward, self.backward = kernels.forward, kernels.backward
        self.map_shape = (num_images, filters, rows, columns)
        self.num_chosen = filters * rows * columns * -(-num_images // kernels.lanes()) * kernels.lanes()
        self._sizes = Convolution(
            *(num_images, channels, height, width, filters, size, padding, is_pooled),
            *((ctypes.c_int64 * 4)(*strides) for strides in (image_strides, gradient_strides)),
            *(needs_input_gradient, threads),
        )
        self.address = ctypes.addressof(self._sizes)
        self.forward_scratch = kernels.forward_scratch(self.address)
        self.backward_scratch = kernels.backward_scratch(self.address)


_plan = lru_cache(maxsize=1024)(_Plan)


def _forward(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int, is_pooled: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The maps, and which pixels pooling has chosen."""
    plan = _plan(images.shape, images.stride(), weight.shape, padding, is_pooled, images.dtype, torch.get_num_threads())
    maps = _batch_innermost(plan.map_shape, images.dtype)
    chosen = torch.empty(plan.num_chosen, dtype=torch.uint8) if is_pooled else None
    scratch = torch.empty(plan.forward_scratch, dtype=images.dtype)
    plan.forward(
        *(plan.address, images.data_ptr(), weight.data_ptr(), _address(bias)),
        *(maps.data_ptr(), _address(chosen), scratch.data_ptr()),
    )
    return maps, chosen


class _Convolution(torch.autograd.Function):
    """As `conv2d`."""

    @staticmethod
    def forward(
        ctx: Any,
        images: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        padding: int,
        is_pooled: bool,
    ) -> torch.Tensor:
        maps, chosen = _forward(images, weight, bias, padding, is_pooled)
        ctx.save_for_backward(images, weight, chosen)
        ctx.padding, ctx.is_pooled = padding, is_pooled
        return maps

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        images, weight, chosen = ctx.saved_tensors
        needs_input, _, needs_bias = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():  # the gradient will be differentiated
            bias = weight.new_zeros(len(weight)).requires_grad_() if needs_bias else None
            return _torch_gradients(gradient, images, weight, bias, ctx.padding, ctx.is_pooled)
        threads = torch.get_num_threads()
        plan = _plan(
            *(images.shape, images.stride(), weight.shape, ctx.padding, ctx.is_pooled, images.dtype, threads),
            *(gradient.stride(), needs_input),
        )
        image_gradient = _batch_innermost(images.shape, images.dtype) if needs_input else None
        weight_gradient, bias_gradient = torch.empty_like(weight), weight.new_empty(len(weight))
        scratch = torch.empty(plan.backward_scratch, dtype=images.dtype)
        plan.backward(
            *(plan.address, images.data_ptr(), weight.data_ptr(), gradient.data_ptr(), _address(chosen)),
            *(_address(image_gradient), weight_gradient.data_ptr(), bias_gradient.data_ptr(), scratch.data_ptr()),
        )
        return image_gradient, weight_gradient, bias_gradient if needs_bias else None, None, None


def _torch_gradients(
    gradient: torch.Tensor,
    images: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    padding: int,
    is_pooled: bool,
) -> tuple[torch.Tensor | None, ...]:
    maps = functional.conv2d(images, weight, bias, padding=padding)
    maps = functional.max_pool2d(maps, 2) if is_pooled else maps
    inputs = [each for each in (images, weight, bias) if each is not None and each.requires_grad]
    found = dict(zip(map(id, inputs), torch.autograd.grad(maps, inputs, gradient, create_graph=True), strict=True))
    return *(found.get(id(each)) for each in (images, weight, bias)), None, None


def _batch_innermost(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    num_images, _, height, width = shape
    return torch.empty_strided(shape, (1, height * width * num_images, width * num_images, num_images), dtype=dtype)


def _address(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
