"""The training and evaluation modes of a network's layers."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Puts all layers in evaluation mode, and each back in its own at the end: some may be frozen.

    Args:
        network: Changed in place.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
