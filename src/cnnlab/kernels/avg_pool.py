"""Average pooling of 2×2 pixels."""

from typing import Any

import torch

from cnnlab.kernels.memory import with_batch_innermost


def avg_pool2d(images: torch.Tensor) -> torch.Tensor:
    """`functional.avg_pool2d(images, 2)`, summed in the same order, and so with the same bits.

    torch's own copies images that have the batch innermost, and computes one number at a time.

    Args:
        images: (N, C, H, W) with even H and W; copied unless the batch is innermost in memory.

    Returns:
        (N, C, H // 2, W // 2), the batch innermost in memory.
    """
    pooled: torch.Tensor = _AvgPool.apply(with_batch_innermost(images))
    return pooled


class _AvgPool(torch.autograd.Function):
    """As `avg_pool2d`; its backward pass is made of operations that autograd knows, so it has one, too."""

    @staticmethod
    def forward(_ctx: Any, images: torch.Tensor) -> torch.Tensor:
        upper, lower = images[:, :, 0::2], images[:, :, 1::2]
        return (upper[..., 0::2] + upper[..., 1::2] + lower[..., 0::2] + lower[..., 1::2]) / 4

    @staticmethod
    def backward(_ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        quarter = (gradient / 4).permute(1, 2, 3, 0)  # (C, h, w, N)
        channels, height, width, num_images = quarter.shape
        windows = quarter[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1)
        return windows.reshape(channels, 2 * height, 2 * width, num_images).permute(3, 0, 1, 2)
