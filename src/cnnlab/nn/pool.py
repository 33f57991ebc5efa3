"""Poolings that are faster for images with the batch innermost in memory (`cnnlab.kernels`)."""

import torch
from torch import nn

from cnnlab import kernels


class MaxPool2d(nn.MaxPool2d):
    """torch's layer, with our kernel for 2×2 pixels of images with the batch innermost in memory.

    Windows of one pixel are not searched for the largest.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The largest numbers (N, C, h, w) of windows of images (N, C, H, W)."""
        if self._can_use_kernel(images):
            return kernels.max_pool2d(images)
        if (
            self.kernel_size == 1
            and self.padding == 0
            and isinstance(self.stride, int)
            and not self.return_indices
            and images.ndim == 4
        ):
            return images[:, :, :: self.stride, :: self.stride]
        pooled: torch.Tensor = super().forward(images)
        return pooled

    def _can_use_kernel(self, images: torch.Tensor) -> bool:
        return (
            is_max_pool_2x2(self)
            and kernels.can_take(images)
            and kernels.is_batch_innermost(images)
            and min(images.shape[2:]) >= 2  # else torch explains it
        )


class AvgPool2d(nn.AvgPool2d):
    """torch's layer, faster for 2×2 pixels of images with the batch innermost in memory."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The means (N, C, h, w) of windows of images (N, C, H, W)."""
        if self._can_use_kernel(images):
            return kernels.avg_pool2d(images)
        pooled: torch.Tensor = super().forward(images)
        return pooled

    def _can_use_kernel(self, images: torch.Tensor) -> bool:
        return (
            self.kernel_size in (2, (2, 2))
            and self.stride in (2, (2, 2))
            and self.padding in (0, (0, 0))
            and self.divisor_override is None
            and kernels.can_take(images)
            and kernels.is_batch_innermost(images)
            and images.shape[2] % 2 == images.shape[3] % 2 == 0
            and min(images.shape[2:]) >= 2  # else torch explains it
        )


class GlobalAvgPool2d(nn.AdaptiveAvgPool2d):
    """`nn.AdaptiveAvgPool2d(1)`, which sums in the order of memory if the batch is innermost."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The mean of each map, (N, C, 1, 1), of images (N, C, H, W)."""
        if kernels.can_take(images) and kernels.is_batch_innermost(images):
            return images.permute(1, 2, 3, 0).flatten(1, 2).mean(1).t()[:, :, None, None]
        pooled: torch.Tensor = super().forward(images)
        return pooled


def is_max_pool_2x2(pool: nn.Module) -> bool:
    """Whether a layer takes the largest of each 2×2 pixels, and nothing else."""
    return (
        type(pool) in (nn.MaxPool2d, MaxPool2d)
        and isinstance(pool, nn.MaxPool2d)
        and pool.kernel_size in (2, (2, 2))
        and pool.stride in (2, (2, 2))
        and pool.padding in (0, (0, 0))
        and pool.dilation in (1, (1, 1))
        and not (pool.return_indices or pool.ceil_mode)
    )
