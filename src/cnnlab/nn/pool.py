"""Max pooling that uses our kernel where possible (`cnnlab.kernels`)."""

import torch
from torch import nn

from cnnlab import kernels


class MaxPool2d(nn.MaxPool2d):
    """torch's layer, with our kernel for 2×2 pixels of images with the batch innermost in memory."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The largest numbers (N, C, h, w) of windows of images (N, C, H, W)."""
        if is_max_pool_2x2(self) and kernels.is_batch_innermost(images) and kernels.can_take(images):
            return kernels.max_pool2d(images)
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
