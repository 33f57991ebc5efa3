"""Convolution and pooling from their definitions, to compare torch's with."""

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """How many places a window has along one side: ⌊(n + 2p − k)/s⌋ + 1, where k is what a dilated kernel spans.

    Args:
        size: n, of the input.
        kernel: Weights along the side.
        stride: s, from one place to the next.
        padding: p, zeros on each side.
        dilation: From one weight to the next.
    """
    spanned = dilation * (kernel - 1) + 1
    return (size + 2 * padding - spanned) // stride + 1


def slide(image: Grid, kernel: Grid, stride: int = 1, padding: int = 0) -> Grid:
    """What a CNN calls convolution, product by product: the kernel is not flipped.

    Args:
        image: (H, W).
        kernel: (k, k).
        stride: From one window to the next.
        padding: Zeros on each side.
    """
    padded = np.pad(image, padding)
    num = len(kernel)
    height, width = (output_size(size, num, stride, padding) for size in image.shape)
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            for i in range(num):
                for j in range(num):
                    result[row, column] += padded[top + i, left + j] * kernel[i, j]
    return result


def as_matrix(kernel: Grid, size: int) -> Grid:
    """The fully connected layer that does what a convolution does, (outputs, inputs), both flattened row by row.

    Args:
        kernel: (k, k).
        size: Height and width of the input; stride 1, no padding.
    """
    pixels = np.eye(size * size).reshape(-1, size, size)
    return np.stack([slide(pixel, kernel).ravel() for pixel in pixels], axis=1)
