"""The layout of our kernels: (C, H, W, N) in memory, of tensors that are (N, C, H, W) for all others."""

import torch


def batch_innermost(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A new tensor on the CPU, not filled, (N, C, H, W) with the batch innermost in memory."""
    return torch.empty_strided(shape, _strides(shape), dtype=dtype, device="cpu")


def is_batch_innermost(images: torch.Tensor) -> bool:
    """Whether images (N, C, H, W) have that layout."""
    return images.ndim == 4 and images.stride() == _strides(images.shape)


def with_batch_innermost(images: torch.Tensor) -> torch.Tensor:
    """The same images (N, C, H, W) in that layout, copied only if necessary."""
    return images if is_batch_innermost(images) else batch_innermost(images.shape, images.dtype).copy_(images)


def _strides(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    num_images, _, height, width = shape
    return 1, height * width * num_images, width * num_images, num_images
