"""Gradients by torch's own kernels, which can be differentiated again, and computed for many gradients at once."""

from collections.abc import Callable, Sequence

import torch


def are_needed(gradient: torch.Tensor) -> bool:
    """Whether torch's own kernels have to compute a backward pass.

    That is if it will be differentiated, or is for many gradients at once (`is_grads_batched`), which has no numbers.

    Args:
        gradient: Of the output.
    """
    return torch.is_grad_enabled() or not torch._C._has_storage(gradient)


def gradients_of(
    compute: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor | None], gradient: torch.Tensor
) -> list[torch.Tensor | None]:
    """The gradients of inputs, as functions of them; None of an input that is None or needs none.

    Args:
        compute: From the inputs to the output, with torch's kernels.
        inputs: What was saved for the backward pass.
        gradient: Of the output.
    """
    is_differentiated = torch.is_grad_enabled()
    with torch.enable_grad():
        # views, so that an input that was computed from another one does not count for that too
        views = [None if each is None else each.view_as(each) for each in inputs]
        output = compute(*views)
    needed = [each for each in views if each is not None and each.requires_grad]
    found = iter(torch.autograd.grad(output, needed, gradient, create_graph=is_differentiated))
    return [next(found) if each is not None and each.requires_grad else None for each in views]
