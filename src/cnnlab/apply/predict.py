"""Predictions of a network."""

import torch
from torch.nn import functional


@torch.inference_mode()
def probabilities(
    network: torch.nn.Module, images: torch.Tensor, shift_px: int = 0, background: float = 0.0, batch_size: int = 1000
) -> torch.Tensor:
    """Predicted probabilities (N, C) of images (N, *image_shape).

    With a shift, the mean over five views: the image, and the image moved by so many pixels up, down, left and right.

    Args:
        network: Images to logits, in evaluation mode.
        images: Normalised.
        shift_px: 0 for the image alone.
        background: The value of pixels from outside the image.
        batch_size: Images at a time.
    """
    return torch.cat([_mean_over_views(network, batch, shift_px, background) for batch in images.split(batch_size)])


def _mean_over_views(network: torch.nn.Module, images: torch.Tensor, shift_px: int, background: float) -> torch.Tensor:
    height, width = images.shape[2:]
    padded = functional.pad(images, [shift_px] * 4, value=background)
    corners = {(shift_px, shift_px), (0, shift_px), (2 * shift_px, shift_px), (shift_px, 0), (shift_px, 2 * shift_px)}
    views = [padded[:, :, top : top + height, left : left + width] for top, left in sorted(corners)]
    return torch.stack([network(view).softmax(dim=1) for view in views]).mean(dim=0)
