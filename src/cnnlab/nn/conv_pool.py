"""A convolution and the max pooling after it as one matrix product: our only custom kernel.

**Identity.** Let p, q ∈ {0, 1} say which pixel of its 2×2 window a max pooling looks at. Over all windows (i, j), the
k×k convolution at pixel (2i+p, 2j+q) is a convolution of stride 2 with the same filter shifted by (p, q) in a frame of
(k+1)×(k+1). So one product of the four shifted filters, (4·O, C·(k+1)²), with the image's frames at stride 2 gives all
that the windows hold, and the pooling is the maximum over four contiguous blocks. Frames at stride 2 are a third of the
pixels that im2col copies at stride 1, which pays for the zeros in the filters.

**Layout.** The batch is the innermost dimension (strides of `x.permute(1, 2, 3, 0).contiguous()`), so that every copy
and every maximum works on whole vectors of images; element-wise layers keep that layout, and flattening is free. With
a pixel's images as a row, cutting frames is an embedding, and its adjoint the sum of bags of rows.

The gradient goes to the first of equal pixels, as in `torch.nn.functional.max_pool2d`.
"""

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional
from torch.nn.modules.module import _has_any_global_hook

TILE_IMAGES = 256  # larger batches are split, so that a tile fits in the cache
MIN_IMAGES = 8  # smaller batches leave vectors empty, and torch is faster
MAX_PARTS = 4  # of the windows: MKL computes a batch of products faster than one large one


class ConvPool(nn.Sequential):
    """A convolution and the pooling of its output, `conv(x)` then `pool(…)`, faster where possible.

    A 2×2 max pooling over a convolution with stride 1, no padding and an odd filter size uses the product above, on a
    CPU in float32 or float64; everything else uses torch's own kernels. So does a layer that is modified: by hooks on
    the two layers, global hooks, parametrisations, spectral or weight norm, pruning, or a replaced `forward`; and so do
    transforms (`torch.func`) and derivatives in forward mode.

    Args:
        conv: The convolution.
        pool: The pooling.
    """

    def __init__(self, conv: nn.Conv2d, pool: nn.Module) -> None:
        super().__init__(conv, pool)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps (N, O, h, w) of images (N, C, H, W)."""
        conv, pool = self[0], self[1]
        if not torch.compiler.is_compiling() and not _is_transformed() and _are_fusible(conv, pool):
            assert isinstance(conv, nn.Conv2d)
            if _suits(images, conv.weight):
                return conv_max_pool2d(images, conv.weight, conv.bias)
        maps: torch.Tensor = pool(conv(images))
        return maps


def conv_max_pool2d(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`max_pool2d(conv2d(images, weight, bias), 2)`.

    Args:
        images: (N, C, H, W), on the CPU.
        weight: (O, C, k, k), k odd; H-k+1 and W-k+1 even.
        bias: (O,), or None.

    Returns:
        (N, O, (H-k+1)/2, (W-k+1)/2), the batch innermost in memory.
    """
    tiles = [_ConvMaxPool.apply(tile, weight, bias) for tile in images.split(TILE_IMAGES)]
    maps: torch.Tensor = tiles[0] if len(tiles) == 1 else torch.cat(tiles, dim=3)
    return maps.permute(3, 0, 1, 2)


class _ConvMaxPool(torch.autograd.Function):
    """As `conv_max_pool2d`, to (O, h, w, N).

    Sizes: N images; C channels, O filters; K = k+1 the frame; P parts of W windows, the last dimension is W·N.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        num_images, *image_shape = images.shape
        num_filters, _, size, _ = weight.shape
        table = _Frames.of(*image_shape, size + 1)
        image = images.permute(1, 2, 3, 0).contiguous().view(-1, num_images)
        frames = functional.embedding(table.sources, image).flatten(2)  # (P, C·K·K, W·N)
        filters = _moved_filters(weight)
        pixels = _batched(filters, frames).unflatten(1, (2, 2, num_filters))  # (P, q, p, O, W·N)
        rows = torch.maximum(*pixels.unbind(1))  # (P, p, O, W·N)
        maps = images.new_empty(num_filters, *table.map_shape, num_images)
        torch.maximum(*rows.unbind(1), out=_parts(maps, len(frames)))
        if bias is not None:
            maps.add_(bias[:, None, None, None])
        ctx.save_for_backward(frames, filters, pixels, rows)
        ctx.table, ctx.image_shape, ctx.weight_shape = table, image_shape, weight.shape  # type: ignore[attr-defined]
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        frames, filters, pixels, rows = ctx.saved_tensors  # type: ignore[attr-defined]
        to_pixels = _to_larger(_to_larger(_parts(gradient, len(frames)), rows), pixels).flatten(1, 3)  # (P, 4·O, W·N)
        to_filters = torch.bmm(to_pixels, frames.transpose(1, 2)).sum(0)
        to_images = to_bias = None
        to_weight = _moved_back(to_filters, ctx.weight_shape)  # type: ignore[attr-defined]
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            to_frames = _batched(filters.t(), to_pixels).view(-1, gradient.shape[3])
            table, image_shape = ctx.table, ctx.image_shape  # type: ignore[attr-defined]
            to_image = functional.embedding_bag(table.copies, to_frames, table.first_copies, mode="sum")
            to_images = to_image.view(*image_shape, -1).permute(3, 0, 1, 2)
        if ctx.needs_input_grad[2]:  # type: ignore[attr-defined]
            to_bias = gradient.sum((1, 2, 3))
        return to_images, to_weight, to_bias


class _Frames(NamedTuple):
    """The K×K frame of each pooling window: which pixels of a (C, H, W) image it copies, and where each pixel went."""

    sources: torch.Tensor  # (P, C·K·K, W): places in the image
    copies: torch.Tensor  # places in `sources`, those of one source together
    first_copies: torch.Tensor  # (C·H·W,): where in `copies` those of a source begin
    map_shape: tuple[int, int]  # how many windows: P·W in all

    @staticmethod
    @lru_cache
    def of(channels: int, height: int, width: int, frame: int) -> "_Frames":
        """The table of all images of that size."""
        places = torch.arange(channels * height * width).view(channels, height, width)
        frames = places.unfold(1, frame, 2).unfold(2, frame, 2).permute(0, 3, 4, 1, 2)  # (C, K, K, h, w)
        rows, columns = frames.shape[3:]
        parts = math.gcd(MAX_PARTS, rows * columns)
        sources = frames.reshape(channels * frame * frame, parts, -1).transpose(0, 1).contiguous()
        counts = sources.flatten().bincount(minlength=places.numel())
        return _Frames(sources, sources.flatten().argsort(stable=True), counts.cumsum(0) - counts, (rows, columns))


def _parts(maps: torch.Tensor, parts: int) -> torch.Tensor:
    """(O, h, w, N) to (P, O, W·N)."""
    return maps.reshape(len(maps), parts, -1).transpose(0, 1)


def _batched(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(m, n) times each of (P, n, l)."""
    return torch.bmm(left.expand(len(right), -1, -1), right)


@lru_cache
def _places(size: int, dtype: torch.dtype) -> torch.Tensor:
    """(k·k, 4·K·K) of zeros and ones: takes a filter to its four places (p, q) in a frame, q outermost."""
    places = torch.zeros(size, size, 2, 2, size + 1, size + 1, dtype=dtype)
    for y, x, q, p in itertools.product(range(size), range(size), range(2), range(2)):
        places[y, x, q, p, y + p, x + q] = 1
    return places.view(size * size, -1)


def _moved_filters(weight: torch.Tensor) -> torch.Tensor:
    """(O, C, k, k) to (4·O, C·K·K): each filter at four places in its frame."""
    num_filters, channels, size, _ = weight.shape
    moved = weight.reshape(-1, size * size) @ _places(size, weight.dtype)
    return moved.view(num_filters, channels, 4, -1).permute(2, 0, 1, 3).reshape(4 * num_filters, -1)


def _moved_back(moved: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """The adjoint of `_moved_filters`: (4·O, C·K·K) to `shape` (O, C, k, k)."""
    num_filters, channels, size, _ = shape
    by_filter = moved.view(4, num_filters, channels, -1).permute(1, 2, 0, 3).reshape(num_filters * channels, -1)
    return (by_filter @ _places(size, moved.dtype).t()).view(shape)


def _to_larger(gradient: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
    """The gradient (P, …) of `torch.maximum` over a `pair` (P, 2, …): all to the larger, to the first if equal.

    `threshold_backward` is the one vectorised kernel that keeps a number where another one is positive.
    """
    routed = torch.empty_like(pair)
    (first, second), (to_first, to_second) = pair.unbind(1), routed.unbind(1)
    torch.sub(second, first, out=to_second)
    torch.ops.aten.threshold_backward.grad_input(gradient, to_second, 0.0, grad_input=to_second)
    torch.sub(gradient, to_second, out=to_first)
    return routed


def _are_fusible(conv: nn.Module, pool: nn.Module) -> bool:
    return _is_plain_convolution(conv) and _is_max_pool_2x2(pool) and not (_is_changed(conv) or _is_changed(pool))


def _is_plain_convolution(conv: nn.Module) -> bool:
    if type(conv) is not nn.Conv2d:  # a parametrisation changes the class
        return False
    size = conv.kernel_size
    return (
        size[0] == size[1]
        and size[0] % 2 == 1
        and conv.stride == conv.dilation == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups == 1
    )


def _is_max_pool_2x2(pool: nn.Module) -> bool:
    return (
        type(pool) is nn.MaxPool2d
        and pool.kernel_size in (2, (2, 2))
        and pool.stride in (2, (2, 2))
        and pool.padding in (0, (0, 0))
        and pool.dilation in (1, (1, 1))
        and not pool.return_indices
    )


def _is_changed(layer: nn.Module) -> bool:
    """Whether calling a layer is more than its class's `forward`: 0.2 µs; torch has no public way to ask for hooks."""
    state = layer.__dict__
    return bool(
        state["_forward_hooks"]
        or state["_forward_pre_hooks"]  # of spectral_norm, weight_norm and pruning, which set the weight there
        or state["_backward_hooks"]
        or state["_backward_pre_hooks"]
        or "forward" in state
        or _has_any_global_hook()
    )


def _is_transformed() -> bool:
    """Whether `torch.func` or forward-mode differentiation is active: 0.1 µs; torch has no public way to ask."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def _suits(images: torch.Tensor, weight: torch.Tensor) -> bool:
    size = weight.shape[2]
    return (
        images.device.type == "cpu"
        and images.dtype == weight.dtype
        and images.dtype in (torch.float32, torch.float64)
        and len(images) >= MIN_IMAGES
        and all(pixels > size and (pixels - size) % 2 == 1 for pixels in images.shape[2:])
        and not torch.is_autocast_enabled("cpu")
    )
