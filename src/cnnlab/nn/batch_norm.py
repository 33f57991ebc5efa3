"""Batch norm's running statistics for weights that no training step has seen, such as an average of weights."""

from collections.abc import Iterable

import torch
from torch import nn

from cnnlab.nn.modes import evaluation_mode

NUM_BATCHES = 50  # as many as schedule-free's authors take


def has_running_statistics(network: nn.Module) -> bool:
    """Whether a network has layers that evaluate with statistics which they collect in training."""
    return any(True for _ in _norms(network))


def recompute_running_statistics(network: nn.Module, images: torch.Tensor) -> None:
    """Replaces the running means and variances by those of the given images under the present weights.

    Running statistics belong to the weights that collected them. An average of weights needs its own: an average of
    statistics is not the statistics of the average. They are the mean over batches, as in
    `torch.optim.swa_utils.update_bn`, but everything else is as in evaluation: no dropout, and each member of a
    committee sees all images. So they are a function of weights and images alone, the same in every process, and no
    random number is drawn.

    Args:
        network: Changed in place; its layers' modes are restored.
        images: (N, C, H, W), on the network's device, in any order.

    Reference:
        Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018, section 3.2.
    """
    norms = list(_norms(network))
    if not norms:
        return
    momenta = {norm: norm.momentum for norm in norms}
    with evaluation_mode(network), torch.no_grad():
        for norm in norms:
            norm.reset_running_stats()  # type: ignore[operator]
            norm.momentum = None  # type: ignore[assignment]  # the mean over all batches
            norm.train()
        try:
            for batch in _batches(images):
                network(batch)
        finally:
            for norm, momentum in momenta.items():
                norm.momentum = momentum


def _norms(network: nn.Module) -> Iterable[nn.Module]:
    return (
        module
        for module in network.modules()
        if isinstance(getattr(module, "running_mean", None), torch.Tensor) and hasattr(module, "reset_running_stats")
    )


def _batches(images: torch.Tensor) -> Iterable[torch.Tensor]:
    """Each batch from all over the images, which may be sorted by class."""
    num_batches = min(NUM_BATCHES, len(images))
    return (images[first::num_batches] for first in range(num_batches))
