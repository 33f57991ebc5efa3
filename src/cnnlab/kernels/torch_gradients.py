"""Gradients by torch's own kernels, which can be differentiated again."""

from collections.abc import Sequence

import torch


def gradients_of(
    output: torch.Tensor, inputs: Sequence[torch.Tensor | None], gradient: torch.Tensor
) -> list[torch.Tensor | None]:
    """The gradients of inputs, as functions of them; None of an input that is None or needs none.

    Args:
        output: Computed from the inputs by torch.
        inputs: What was saved for the backward pass.
        gradient: Of the output.
    """
    needed = [each for each in inputs if each is not None and each.requires_grad]
    found = iter(torch.autograd.grad(output, needed, gradient, create_graph=True))
    return [next(found) if each is not None and each.requires_grad else None for each in inputs]
