"""Several networks that vote."""

import math
from collections.abc import Iterable

import torch
from torch import nn


class Committee(nn.Module):
    """Networks of one kind, each with its own initial weights, whose predicted probabilities are averaged.

    While they train, a batch is dealt out and every member learns from its part alone, so that an epoch costs what it
    costs one member, and a committee of M has shown an image to each of them once in about M epochs.

    Args:
        members: The networks, images (B, *image_shape) to logits (B, num_classes).

    Reference:
        Cireşan, Meier and Schmidhuber, "Multi-column deep neural networks for image classification", 2012.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, num_classes) of images (B, *image_shape).

        In training mode each of them is that of one member; in evaluation mode it is the logarithm of the members'
        mean probability.
        """
        if self.training:
            parts = images.tensor_split(len(self.members))
            return torch.cat([member(part) for member, part in zip(self.members, parts, strict=True) if len(part) > 0])
        votes = torch.stack([member(images).log_softmax(dim=1) for member in self.members])
        return votes.logsumexp(dim=0) - math.log(len(self.members))
