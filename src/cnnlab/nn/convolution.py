"""Convolutions that use our kernels where they are faster than torch's (`cnnlab.kernels`)."""

from typing import TypeGuard

import torch
from torch import nn
from torch.nn import functional

from cnnlab import kernels
from cnnlab.nn.hooks import is_changed
from cnnlab.nn.pool import is_max_pool_2x2


class Conv2d(nn.Conv2d):
    """torch's layer with our kernel: on a CPU in float32 or float64, for filters of 3×3 and 5×5 with stride 1.

    Everything else uses torch's kernels: other settings, few images, `torch.compile`, transforms (`torch.func`) and
    derivatives in forward mode.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps (N, O, h, w) of images (N, C, H, W)."""
        weight, bias = self.weight, self.bias  # once, since a parametrisation computes it
        if _is_plain(self) and kernels.can_convolve(images, weight, bias, _padding(self)):
            return kernels.conv2d(images, weight, bias, _padding(self))
        maps: torch.Tensor = self._conv_forward(images, weight, bias)
        return maps


class ConvPool(nn.Sequential):
    """A convolution and the pooling of its output, `conv(x)` then `pool(…)`, in one kernel where possible.

    That is where `Conv2d` has a kernel and a 2×2 max pooling follows it. Everything else uses the two layers, and so
    does a layer that is modified: by hooks on the two layers, global hooks, parametrisations, spectral or weight norm,
    pruning, or a replaced `forward`.

    Args:
        conv: The convolution.
        pool: The pooling.
    """

    def __init__(self, conv: nn.Conv2d, pool: nn.Module) -> None:
        super().__init__(conv, pool)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps (N, O, h, w) of images (N, C, H, W)."""
        if self._can_use_kernel(images):
            return self._convolve(images, is_rectified=False)
        conv, pool = self.children()
        maps: torch.Tensor = pool(conv(images))
        return maps

    def rectified(self, images: torch.Tensor) -> torch.Tensor:
        """ReLU of the maps (N, O, h, w) of images (N, C, H, W)."""
        if self._can_use_kernel(images):
            return self._convolve(images, is_rectified=True)
        return functional.relu(self.forward(images))

    def _can_use_kernel(self, images: torch.Tensor) -> bool:
        conv, pool = self.children()
        return _are_fusible(conv, pool) and kernels.can_convolve(images, conv.weight, conv.bias, _padding(conv))

    def _convolve(self, images: torch.Tensor, *, is_rectified: bool) -> torch.Tensor:
        conv, _ = self.children()
        assert isinstance(conv, nn.Conv2d)
        return kernels.conv2d(images, conv.weight, conv.bias, _padding(conv), is_pooled=True, is_rectified=is_rectified)


def _is_plain(conv: nn.Conv2d) -> bool:
    """Whether nothing but its filters' size and padding distinguishes a convolution."""
    return (
        conv.kernel_size[0] == conv.kernel_size[1]
        and conv.stride == conv.dilation == (1, 1)
        and conv.padding in ((0, 0), (1, 1), (2, 2))
        and conv.padding_mode == "zeros"
        and conv.groups == 1
    )


def _padding(conv: nn.Conv2d) -> int:
    return int(conv.padding[0])


def _are_fusible(conv: nn.Module, pool: nn.Module) -> TypeGuard[nn.Conv2d]:
    if type(conv) not in (nn.Conv2d, Conv2d):  # a parametrisation changes the class
        return False
    assert isinstance(conv, nn.Conv2d)
    return _is_plain(conv) and is_max_pool_2x2(pool) and not (is_changed(conv) or is_changed(pool))
