"""An ensemble of networks."""

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.autograd.function import FunctionCtx


class Committee(nn.Module):
    """Networks of one kind, each with its own initial weights, whose predicted probabilities are averaged.

    In training, a batch is divided among the members, and each learns from its part alone. So an epoch costs as much
    as for a single member, and each of M members has seen every image once after about M epochs.

    With a loss that is the mean over the batch, each member's gradient is that of the mean over its own part, as if it
    were trained alone: its learning rate means the same for any number of members. A member whose part is empty has no
    gradient (zeros in DistributedDataParallel, which waits for every gradient). Clipping by norm takes all members as
    one network, whose norm is about √M times a member's.

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
            dealt = list(zip(self.members, parts, strict=True))
            logits = torch.cat(
                [_scale_gradient(member(part), len(images) / len(part)) for member, part in dealt if len(part) > 0]
            )
            idle = [member for member, part in dealt if len(part) == 0]
            return _with_zero_gradients(logits, idle) if idle and _is_distributed() else logits
        votes = torch.stack([member(images).log_softmax(dim=1) for member in self.members])
        return votes.logsumexp(dim=0) - math.log(len(self.members))


class _ScaledGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a factor."""

    generate_vmap_rule = True  # torch.func's transforms work

    @staticmethod
    def forward(logits: torch.Tensor, _factor: float) -> torch.Tensor:
        return logits.view_as(logits)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[torch.Tensor, float], _output: torch.Tensor) -> None:
        ctx.factor = inputs[1]  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.factor * gradient, None  # type: ignore[attr-defined]


def _scale_gradient(logits: torch.Tensor, factor: float) -> torch.Tensor:
    scaled: torch.Tensor = _ScaledGradient.apply(logits, factor)
    return scaled


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _with_zero_gradients(logits: torch.Tensor, idle: Iterable[nn.Module]) -> torch.Tensor:
    """The same logits, as if they depended on the parameters of idle members."""
    parameters = [parameter for member in idle for parameter in member.parameters()]
    return logits + 0 * torch.stack([parameter.sum() for parameter in parameters]).sum()
