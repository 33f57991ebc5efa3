"""What finished networks make of test images that were moved."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from cnnlab.apply.load import load_finished
from cnnlab.data import evenly_spaced

SHIFTS_PX = tuple(range(7))
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # right, left, down, up: columns and rows would be as good
NUM_IMAGES = 2000  # of the test images, evenly spaced: 25 views of each are 50,000 images
BATCH_SIZE = 500  # at once: the maps of more do not fit into a processor's cache


def moved(images: torch.Tensor, down_px: int, right_px: int, background: float) -> torch.Tensor:
    """Images of the same size, moved; pixels from outside are background.

    Args:
        images: (N, C, H, W).
        down_px: Rows; negative moves up.
        right_px: Columns; negative moves to the left.
        background: The value of an empty pixel.
    """
    height, width = images.shape[2:]
    margin = max(abs(down_px), abs(right_px))
    padded = functional.pad(images, [margin] * 4, value=background)
    top, left = margin - down_px, margin - right_px
    return padded[:, :, top : top + height, left : left + width]


def views(images: torch.Tensor, shift_px: int, background: float) -> Iterator[torch.Tensor]:
    """The images moved by so many pixels in each of four directions; the images themselves for 0.

    Args:
        images: (N, C, H, W).
        shift_px: How far, from 0.
        background: The value of an empty pixel.
    """
    if shift_px == 0:
        yield images
        return
    for down, right in DIRECTIONS:
        yield moved(images, down * shift_px, right * shift_px, background)


@torch.inference_mode()
def accuracies(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    background: float,
    shifts_px: Sequence[int] = SHIFTS_PX,
) -> list[float]:
    """The accuracy at each shift, the mean over four directions.

    Args:
        network: Images to logits, in evaluation mode.
        images: (N, C, H, W), normalised.
        labels: (N,).
        background: The value of an empty pixel.
        shifts_px: How far.
    """
    found = []
    for shift_px in shifts_px:
        correct = [_in_batches(network, view).argmax(dim=1) == labels for view in views(images, shift_px, background)]
        found.append(float(torch.cat(correct).float().mean()))
    return found


@torch.inference_mode()
def relative_change(features: nn.Module, images: torch.Tensor, background: float, shift_px: int = 1) -> float:
    """How much features change if an image moves: |f(moved) - f(image)| / |f(image)|, the mean over all views.

    An image without features, |f(image)| = 0, is left out; without any other image the change is nan.

    Args:
        features: Images to (N, …), in evaluation mode.
        images: (N, C, H, W), normalised.
        background: The value of an empty pixel.
        shift_px: How far.
    """
    before = _in_batches(features, images).flatten(1)
    norm = before.norm(dim=1)
    changes = [
        ((_in_batches(features, view).flatten(1) - before).norm(dim=1) / norm)[norm > 0]
        for view in views(images, shift_px, background)
    ]
    return float(torch.cat(changes).mean())


def _in_batches(module: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return torch.cat([module(batch) for batch in images.split(BATCH_SIZE)])


def convolutional_part(network: nn.Module) -> nn.Module:
    """The layers before the first `Flatten`: images to maps.

    Args:
        network: With its layers in a row, as `network.layers`.
    """
    layers = network.layers
    assert isinstance(layers, nn.Sequential)
    is_flatten = [isinstance(layer, nn.Flatten) for layer in layers]
    return layers[: is_flatten.index(True)]


def of_run(folder: Path) -> list[float]:
    """The accuracies of a finished run's network at `SHIFTS_PX`, on `NUM_IMAGES` test images.

    Args:
        folder: The run's.
    """
    return accuracies(*load_tested(folder))


def load_tested(folder: Path, num_images: int = NUM_IMAGES) -> tuple[nn.Module, torch.Tensor, torch.Tensor, float]:
    """A finished run's network, in evaluation mode, some test images and their labels, and the background.

    Args:
        folder: The run's.
        num_images: How many; all if there are not so many.
    """
    classifier, data = load_finished(folder)
    images, labels = data.part("test")
    chosen = evenly_spaced(torch.arange(len(labels)), num_images)
    return classifier.network.eval(), images[chosen], labels[chosen], data.background
