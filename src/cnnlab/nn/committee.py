"""An ensemble of networks."""

import math
from collections.abc import Iterable

import torch
from torch import nn


class Committee(nn.Module):
    """Networks of one kind, each with its own initial weights, whose predicted probabilities are averaged.

    In training, a batch is divided among the members, and each learns from its part alone. So an epoch costs as much
    as for a single member, and each of M members has seen every image once after about M epochs.

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

        In training mode each image's logits come from a single member; in evaluation mode they are the logarithm of the
        members' mean probability.
        """
        if self.training:
            parts = images.tensor_split(len(self.members))
            return torch.cat([member(part) for member, part in zip(self.members, parts, strict=True) if len(part) > 0])
        votes = torch.stack([member(images).log_softmax(dim=1) for member in self.members])
        return votes.logsumexp(dim=0) - math.log(len(self.members))
