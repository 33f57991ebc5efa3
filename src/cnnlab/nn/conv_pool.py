"""A convolution and the max pooling after it as one matrix product: the network's only kernel of our own.

**Identity.** Let p, q ∈ {0, 1} say which pixel of its 2×2 window a max pooling looks at. Over all windows (i, j), the
k×k convolution at pixel (2i+p, 2j+q) is a convolution of stride 2 with the same filter moved by (p, q) in a frame of
(k+1)×(k+1). So one product of the four moved filters, (4·O, C·(k+1)²), with the image's frames at stride 2 gives all
that the windows hold, and the pooling is the maximum over four contiguous blocks. Frames at stride 2 are a third of the
pixels that im2col copies at stride 1, which pays for the zeros in the filters.

**Layout.** The batch is the innermost dimension (strides of `x.permute(1, 2, 3, 0).contiguous()`), so that every copy
and every maximum works on whole vectors of images; element-wise layers keep that layout, and flattening is free.

The gradient goes to the first of equal pixels, as in `torch.nn.functional.max_pool2d`.
"""

import torch
from torch import nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

TILE_IMAGES = 128  # larger batches are cut: the frames of a tile stay in a core's cache
MIN_IMAGES = 8  # smaller batches leave vectors empty, and torch is faster


class ConvPool(nn.Sequential):
    """A convolution and the pooling of its output, `conv(x)` then `pool(…)`, faster where that can be had.

    A max pooling of 2×2 over a convolution with stride 1, no padding and an odd filter size takes the product above, on
    a CPU in float32 or float64; everything else takes torch's own kernels. Hooks on the two layers see only the latter.

    Args:
        conv: The convolution.
        pool: What comes after it.
    """

    def __init__(self, conv: nn.Conv2d, pool: nn.Module) -> None:
        super().__init__(conv, pool)
        self.is_fusible = _is_plain_convolution(conv) and _is_max_pool_2x2(pool)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps (N, O, h, w) of images (N, C, H, W)."""
        conv, pool = self[0], self[1]
        assert isinstance(conv, nn.Conv2d)
        if self.is_fusible and _suits(images, conv.weight):
            assert conv.bias is not None
            return conv_max_pool2d(images, conv.weight, conv.bias)
        maps: torch.Tensor = pool(conv(images))
        return maps


def conv_max_pool2d(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`max_pool2d(conv2d(images, weight, bias), 2)`.

    Args:
        images: (N, C, H, W), on the CPU.
        weight: (O, C, k, k), k odd; H-k+1 and W-k+1 even.
        bias: (O,).

    Returns:
        (N, O, (H-k+1)/2, (W-k+1)/2), the batch innermost in memory.
    """
    if len(images) <= TILE_IMAGES:
        maps: torch.Tensor = _ConvMaxPool.apply(images, weight, bias)
        return maps
    tiles = [_ConvMaxPool.apply(tile, weight, bias).permute(1, 2, 3, 0) for tile in images.split(TILE_IMAGES)]
    return torch.cat(tiles, dim=3).permute(3, 0, 1, 2)


class _ConvMaxPool(torch.autograd.Function):
    """Sizes: C, H, W of the input; O, h, w of the output; N images; K = k+1 the frame; L = h·w·N windows."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        image = images.permute(1, 2, 3, 0).contiguous()  # (C, H, W, N)
        num_filters, _, size, _ = weight.shape
        height, width, num_images = (image.shape[1] - size + 1) // 2, (image.shape[2] - size + 1) // 2, len(images)
        frames, filters = _frames(image, size + 1, height, width), _moved_filters(weight)
        pixels = (filters @ frames).view(2, 2, num_filters, -1)  # (q, p, O, L)
        rows = torch.maximum(*pixels.unbind())  # (p, O, L)
        maps = torch.maximum(*rows.unbind()).add_(bias[:, None])  # (O, L)
        ctx.save_for_backward(frames, filters, pixels, rows)
        ctx.sizes = (*weight.shape[:3], height, width, num_images)  # type: ignore[attr-defined]
        return maps.view(num_filters, height, width, num_images).permute(3, 0, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        frames, filters, pixels, rows = ctx.saved_tensors  # type: ignore[attr-defined]
        num_filters, channels, size, height, width, num_images = ctx.sizes  # type: ignore[attr-defined]
        gradient = gradient.permute(1, 2, 3, 0).reshape(num_filters, -1)  # (O, L)
        per_pixel = _to_larger(_to_larger(gradient, rows), pixels).view(4 * num_filters, -1)  # (4·O, L)
        moved = (per_pixel @ frames.t()).view(2, 2, num_filters, channels, size + 1, size + 1)
        to_images = None
        if ctx.needs_input_grad[0]:  # type: ignore[attr-defined]
            to_images = _sum_frames(filters.t() @ per_pixel, channels, size + 1, height, width, num_images)
        return to_images, _moved_back(moved), gradient.sum(1)


def _frames(image: torch.Tensor, frame: int, height: int, width: int) -> torch.Tensor:
    """(C, H, W, N) to (C·K·K, h·w·N): the K×K pixels that each 2×2 window depends on, a copy."""
    c, y, x, n = image.stride()
    shape = (len(image), frame, frame, height, width, image.shape[3])
    return image.as_strided(shape, (c, y, x, 2 * y, 2 * x, n)).reshape(-1, height * width * image.shape[3])


def _moved_filters(weight: torch.Tensor) -> torch.Tensor:
    """(O, C, k, k) to (4·O, C·K·K): each filter at four places in its frame, moved by (1-p, 1-q); q is outermost."""
    padded = functional.pad(weight, (1, 1, 1, 1))
    o, c, y, x = padded.stride()
    num_filters, channels, size, _ = weight.shape
    shape = (2, 2, num_filters, channels, size + 1, size + 1)
    return padded.as_strided(shape, (x, y, o, c, y, x)).reshape(4 * num_filters, -1)


def _moved_back(moved: torch.Tensor) -> torch.Tensor:
    """The adjoint of `_moved_filters`: (q, p, O, C, K, K) to (O, C, k, k)."""
    (a, b), (c, d) = (plane.unbind() for plane in moved.unbind())
    weight = a[:, :, 1:, 1:] + b[:, :, :-1, 1:]
    return weight.add_(c[:, :, 1:, :-1]).add_(d[:, :, :-1, :-1])


def _to_larger(gradient: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
    """The gradient (…) of `torch.maximum(pair[1], pair[0])`, (2, …): all of it to the larger, to pair[1] if equal.

    `threshold_backward` is the one vectorised kernel that keeps a number where another one is positive.
    """
    routed = torch.empty_like(pair)
    (second, first), (to_second, to_first) = pair.unbind(), routed.unbind()
    torch.sub(second, first, out=to_second)
    torch.ops.aten.threshold_backward.grad_input(gradient, to_second, 0.0, grad_input=to_second)
    torch.sub(gradient, to_second, out=to_first)
    return routed


def _sum_frames(
    frames: torch.Tensor, channels: int, frame: int, height: int, width: int, num_images: int
) -> torch.Tensor:
    """The adjoint of `_frames`: (C·K·K, h·w·N) to (N, C, H, W), rows first, since they are the longer vectors."""
    half = frame // 2
    by_row = frames.view(channels, half, 2, frame, height, width, num_images).permute(1, 0, 3, 4, 2, 5, 6)
    rows = frames.new_zeros(channels, frame, height + half - 1, 2, width, num_images)
    for shift in range(half):
        rows[:, :, shift : shift + height] += by_row[shift]
    by_column = rows.view(channels, half, 2, -1, width, num_images).permute(1, 0, 3, 4, 2, 5)
    image = frames.new_zeros(channels, by_column.shape[2], width + half - 1, 2, num_images)
    for shift in range(half):
        image[:, :, shift : shift + width] += by_column[shift]
    return image.view(channels, by_column.shape[2], -1, num_images).permute(3, 0, 1, 2)


def _is_plain_convolution(conv: nn.Conv2d) -> bool:
    size = conv.kernel_size
    return (
        size[0] == size[1]
        and size[0] % 2 == 1
        and conv.stride == conv.dilation == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups == 1
        and conv.bias is not None
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


def _suits(images: torch.Tensor, weight: torch.Tensor) -> bool:
    size = weight.shape[2]
    return (
        images.device.type == "cpu"
        and images.dtype == weight.dtype
        and images.dtype in (torch.float32, torch.float64)
        and len(images) >= MIN_IMAGES
        and all(pixels > size and (pixels - size) % 2 == 1 for pixels in images.shape[2:])
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
