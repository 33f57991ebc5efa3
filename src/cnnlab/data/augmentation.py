"""Random affine transforms of training images, a batch at a time, on their device."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional

# images (B, C, H, W), the background's value and a generator on their device, to images of the same shape
Augmentation = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]


class RandomAffine:
    """Rotates, shifts, scales and shears every image by its own random amounts, each uniform in its range.

    Pixels are interpolated bilinearly; pixels from outside the image are background.

    Args:
        degrees: Rotation in ±degrees about the centre.
        shift_px: Shift in ±pixels, along each axis.
        scale: Magnification in 1 ± scale.
        shear_degrees: Angle by which the vertical axis leans, in ±degrees.

    Reference:
        Simard et al., "Best practices for convolutional neural networks applied to visual document analysis", 2003.
    """

    def __init__(
        self, degrees: float = 0.0, shift_px: float = 0.0, scale: float = 0.0, shear_degrees: float = 0.0
    ) -> None:
        self.angle = math.radians(degrees)
        self.shift_px = shift_px
        self.scale = scale
        self.shear = math.tan(math.radians(shear_degrees))

    def __call__(self, images: torch.Tensor, background: float, generator: torch.Generator) -> torch.Tensor:
        """Transformed copies of a batch.

        Args:
            images: (B, C, H, W).
            background: The value of an empty pixel.
            generator: Source of the random amounts; on the images' device.
        """
        grid = functional.affine_grid(self._draw(images, generator), list(images.shape), align_corners=False)
        moved = functional.grid_sample(images - background, grid.to(images.dtype), align_corners=False)
        return moved.add_(background)

    def _draw(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Affine maps from output to input coordinates, (B, 2, 3); an image spans [-1, 1] along each axis."""
        height, width = images.shape[2:]
        uniform = torch.rand(5, len(images), generator=generator, device=images.device) * 2 - 1
        angle, shift_x, shift_y, scale, shear = uniform
        angle, shear, scale = angle * self.angle, shear * self.shear, 1 / (1 + scale * self.scale)
        cos, sin = angle.cos() * scale, angle.sin() * scale
        rows = [
            torch.stack([cos, shear * cos - sin, shift_x * (2 * self.shift_px / width)], dim=1),
            torch.stack([sin, shear * sin + cos, shift_y * (2 * self.shift_px / height)], dim=1),
        ]
        return torch.stack(rows, dim=1)
