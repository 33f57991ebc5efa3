"""Convolutions that use our kernels where they are faster than torch's (`cnnlab.kernels`)."""

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from cnnlab import kernels


class Conv2d(nn.Conv2d):
    """torch's layer with our kernel: on a CPU in float32 or float64, for filters of 3×3 and 5×5 with stride 1.

    Everything else uses torch's kernels: other settings, few images, `torch.compile`, transforms (`torch.func`) and
    derivatives in forward mode.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps (N, O, h, w) of images (N, C, H, W)."""
        if _is_plain(self) and kernels.can_convolve(images, self.weight, _padding(self)):
            return kernels.conv2d(images, self.weight, self.bias, _padding(self))
        return super().forward(images)


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
        conv, pool = self.children()
        if _are_fusible(conv, pool):
            assert isinstance(conv, nn.Conv2d)
            if kernels.can_convolve(images, conv.weight, _padding(conv)):
                return kernels.conv2d(images, conv.weight, conv.bias, _padding(conv), is_pooled=True)
        maps: torch.Tensor = pool(conv(images))
        return maps


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


def _are_fusible(conv: nn.Module, pool: nn.Module) -> bool:
    if type(conv) not in (nn.Conv2d, Conv2d):  # a parametrisation changes the class
        return False
    assert isinstance(conv, nn.Conv2d)
    return _is_plain(conv) and _is_max_pool_2x2(pool) and not (_is_changed(conv) or _is_changed(pool))


def _is_max_pool_2x2(pool: nn.Module) -> bool:
    return (
        type(pool) is nn.MaxPool2d
        and pool.kernel_size in (2, (2, 2))
        and pool.stride in (2, (2, 2))
        and pool.padding in (0, (0, 0))
        and pool.dilation in (1, (1, 1))
        and not (pool.return_indices or pool.ceil_mode)
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
