"""A stratified split of the training images into training and validation, and a sample of images."""

import torch

from cnnlab.errors import UserError
from cnnlab.seeding import derive_seed


def stratified_split(labels: torch.Tensor, num_held_out: int, split_seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Splits images in two, class by class.

    Each class contributes its exact share, rounded down; the classes with the largest remainders contribute one more
    image each, up to `num_held_out` (Hamilton's method).

    Args:
        labels: The images' classes, (N,) int64.
        num_held_out: The size of the second part.
        split_seed: Determines the draw, with the labels.

    Returns:
        Two ascending index tensors that together are 0 … N-1: the rest, and the held-out images.

    Raises:
        UserError: If `num_held_out` is negative or leaves no image.
    """
    if not 0 <= num_held_out < len(labels):
        raise UserError(
            f"cannot hold out {num_held_out} of {len(labels)} images; it must be from 0 to {len(labels) - 1}"
        )
    classes, counts = labels.unique(return_counts=True)
    shares = counts * num_held_out // len(labels)
    remainders = counts * num_held_out % len(labels)
    extra = remainders.argsort(descending=True, stable=True)[: num_held_out - int(shares.sum())]
    shares[extra] += 1

    generator = torch.Generator().manual_seed(derive_seed(split_seed, "split"))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label, share in zip(classes, shares, strict=True):
        members = (labels == label).nonzero().flatten()
        held_out[members[torch.randperm(len(members), generator=generator)[:share]]] = True
    return (~held_out).nonzero().flatten(), held_out.nonzero().flatten()


def evenly_spaced(images: torch.Tensor, num: int) -> torch.Tensor:
    """A sample for statistics: a data set may be sorted by class, so its first images are of one kind.

    Args:
        images: (N, …).
        num: How many images, N at most.
    """
    num = min(num, len(images))
    return images.index_select(0, torch.arange(num, device=images.device) * len(images) // num)
