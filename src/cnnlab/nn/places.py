"""Which of a network's weights are hidden: by their place, not by their shape."""

from collections.abc import Iterable

from torch import nn

from cnnlab.nn.committee import Committee


class NetworkParameters(list[nn.Parameter]):
    """A network's parameters in order, for an optimiser that treats hidden weights differently.

    Args:
        network: The network; a committee's members have input and output layers of their own.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network.parameters())
        self.hidden_weights = [weight for part in _networks(network) for weight in hidden_weights(part.parameters())]


def hidden_weights(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The weights between the input layer's and the output layer's, the first and the last of all weights.

    Biases and gains are no weights, in whatever shape: weight norm's gains are (out, 1, …).

    Args:
        parameters: Those of one network, in the order of its layers.
    """
    weights = [parameter for parameter in parameters if parameter.ndim >= 2 and parameter.shape[1:].numel() > 1]
    return weights[1:-1]


def _networks(network: nn.Module) -> list[nn.Module]:
    if isinstance(network, Committee):
        return [part for member in network.members for part in _networks(member)]
    return [network]
