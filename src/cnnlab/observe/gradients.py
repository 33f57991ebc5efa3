"""Whether and how weights learn: measures of gradients and of updates, from tensors alone."""

import math
from collections.abc import Sequence

import torch


def update_ratio(before: torch.Tensor, after: torch.Tensor) -> float:
    """|Δw| / |w|: the length of one step relative to the weights; about 1e-3 is healthy.

    Args:
        before: The weights before the step.
        after: The weights after it.
    """
    before, after = before.double(), after.double()  # the squares of a vanishing update are below the smallest float32
    return float((after - before).norm() / before.norm().clamp(min=torch.finfo(before.dtype).tiny))


def sign_agreement(gradients: torch.Tensor) -> float:
    """How much the gradients of a neuron's incoming weights have one sign: 1 where all have, about ½ where none does.

    If all inputs of a neuron are positive, as after a sigmoid, the gradients of its weights all have the sign of the
    error, so that a step moves all of them up, or all of them down: it zigzags towards what needs some of each.

    Args:
        gradients: Of a layer's weights, (neurons, …), or of several examples, (B, neurons, …) flattened to (B·neurons,
            …).

    Returns:
        The share of the more frequent sign among gradients that are not zero, as a mean over neurons; nan if all are
        zero.

    Reference:
        Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, Efficient backprop, 1998, section 4.3.
    """
    signs = gradients.flatten(start_dim=1).nan_to_num().sign().float()  # sums of bools would take eight times as long
    total, surplus = signs.abs().sum(dim=1), signs.sum(dim=1).abs()
    shares = (1 + surplus[total > 0] / total[total > 0]) / 2
    return float(shares.mean())


def cosine(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> float:
    """The cosine of the angle between two updates of a network: -1 if the second undoes the first.

    Args:
        first: Δw of each parameter.
        second: The same of the next step.

    Returns:
        From -1 to 1; nan if one of them is zero.
    """
    dot = math.fsum(float((one * other).sum()) for one, other in zip(first, second, strict=True))
    squares = [math.fsum(float(part.square().sum()) for part in update) for update in (first, second)]
    length = math.sqrt(squares[0] * squares[1])
    return dot / length if length > 0 else math.nan


def first_to_last_ratio(norms: Sequence[float]) -> float:
    """The gradient's norm in the first layer over that in the last: far below 1 it vanishes, far above it explodes.

    Args:
        norms: Of each layer's weights, from the first layer to the last.

    Returns:
        nan if the last one is zero.
    """
    return norms[0] / norms[-1] if norms[-1] else math.nan
