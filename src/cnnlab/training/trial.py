"""Tries a network and its loss on two images, so that what cannot work is refused before a run writes anything."""

import warnings
from collections.abc import Sequence

import torch
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn.modes import evaluation_mode


@torch.no_grad()
def try_network(network: nn.Module, image_shape: Sequence[int], num_classes: int) -> None:
    """Rejects a network that does not give each image its logits.

    Args:
        network: On the CPU; unchanged.
        image_shape: Channels, height and width of an image.
        num_classes: Logits of an image.

    Raises:
        UserError: If it gives something else.
    """
    with evaluation_mode(network):
        logits = network(torch.zeros(2, *image_shape))
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, num_classes):
        found = f"shape {list(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise UserError(f"model: two images must give logits of shape {[2, num_classes]}, but give {found}")


@torch.no_grad()
def try_loss(loss: nn.Module, num_classes: int) -> None:
    """Rejects a loss that does not take logits and labels, or is not their mean over the batch.

    Args:
        loss: On the CPU.
        num_classes: Logits of an image.

    Raises:
        UserError: If it is another kind of loss.
    """
    name = type(loss).__name__
    if isinstance(loss, nn.NLLLoss):
        raise UserError(f"loss: {name} takes log-probabilities, but a network gives logits; use loss=cross_entropy")
    logits, labels = torch.linspace(-1, 2, 2 * num_classes).view(2, num_classes), torch.arange(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the shapes; the error says it too
        value, twice = loss(logits, labels), loss(logits.repeat(2, 1), labels.repeat(2))
    if not isinstance(value, torch.Tensor) or value.ndim > 0:
        raise UserError(f"loss: {name} does not give a single number for a batch; set its reduction to the mean")
    if not torch.allclose(value, twice, rtol=1e-3):
        raise UserError(
            f"loss: {name} is not the mean over the batch: a batch of the same images twice has {twice.item():.4g} in "
            f"place of {value.item():.4g}, so that the learning rate would depend on the batch size; remove its "
            "reduction, size_average and reduce"
        )
