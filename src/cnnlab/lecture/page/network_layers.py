"""A network as a list of layers that the page's scripts can compute, from its torch modules."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn import CNN, MLP, LectureNet, SoftmaxRegression

Layer = dict[str, Any]
ALLOWED = (
    "Conv2d, Linear, max and average pooling, Flatten, Dropout and the activations of conf/activation, one after the "
    "other"
)
IN_A_ROW = (CNN, LectureNet, MLP, SoftmaxRegression)  # networks whose `layers` are all that they compute
ABSENT = (nn.Dropout, nn.Dropout2d)  # when a network is used
# our names of activations without settings
ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.Identity: "identity",
    nn.Mish: "mish",
    nn.ReLU: "relu",
    nn.SELU: "selu",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
}


def describe(network: nn.Module, name: str) -> tuple[list[Layer], list[str]]:
    """The layers of a network, and the order of its parameters in memory.

    A layer is one of `{"type": "convolution", "in_channels", "out_channels", "kernel", "stride", "padding", "weight",
    "bias"}`, `{"type": "pooling", "kind": "max" or "average", "kernel", "stride"}` (both None: the whole map),
    `{"type": "activation", "name", …}`, `{"type": "flatten"}`, `{"type": "linear", "in_features", "out_features",
    "weight", "bias"}`. Pairs are of height and width. `weight` and `bias` are places of the first number among all
    parameters, one layer after the other; `bias` is None without one.

    Args:
        network: In evaluation mode.
        name: Of its run, for the message.

    Returns:
        The layers, and the parameters' names in the state_dict.

    Raises:
        UserError: If the page cannot compute a layer.
    """
    layers: list[Layer] = []
    order: list[str] = []
    place = 0
    for prefix, module in _in_a_row(network, "", name):
        layer = _layer(module)
        if layer is None:
            raise _unknown(module, prefix, name)
        if layer:
            for parameter in ("weight", "bias"):
                tensor = getattr(module, parameter, None)
                if tensor is not None:
                    layer[parameter] = place
                    order.append(f"{prefix}.{parameter}")
                    place += tensor.numel()
            layers.append(layer)
    return layers, order


def _in_a_row(module: nn.Module, prefix: str, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers with their names in the state_dict, in the order of computation."""
    if type(module) in IN_A_ROW:
        yield from _in_a_row(module.layers, "layers", name)  # type: ignore[arg-type]
    elif isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            yield from _in_a_row(child, f"{prefix}.{key}".lstrip("."), name)
    elif prefix:
        yield prefix, module
    else:
        raise _unknown(module, "", name)


def _unknown(module: nn.Module, prefix: str, name: str) -> UserError:
    where = f", its layer {prefix}" if prefix else ""
    words = type(module).__name__ if list(module.children()) else module  # a layer's settings are on one line
    return UserError(f"{name}: the page cannot compute {words}{where}; allowed are {ALLOWED}")


def _layer(module: nn.Module) -> Layer | None:
    """A module's settings; {} for one that does nothing; None for one that the page cannot compute."""
    if isinstance(module, ABSENT):
        return {}
    if isinstance(module, nn.Flatten):
        return {"type": "flatten"} if module.start_dim == 1 and module.end_dim == -1 else None
    if isinstance(module, nn.Linear):
        sizes = {"in_features": module.in_features, "out_features": module.out_features}
        return {"type": "linear", **sizes, "bias": None}
    if isinstance(module, nn.Conv2d):
        return _convolution(module)
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d):
        return _pooling(module)
    return _activation(module)


def _convolution(module: nn.Conv2d) -> Layer | None:
    plain = module.dilation == (1, 1) and module.groups == 1 and module.padding_mode == "zeros"
    if not plain or isinstance(module.padding, str):
        return None
    return {
        "type": "convolution",
        "in_channels": module.in_channels,
        "out_channels": module.out_channels,
        "kernel": list(module.kernel_size),
        "stride": list(module.stride),
        "padding": list(module.padding),
        "bias": None,
    }


def _pooling(module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d) -> Layer | None:
    if isinstance(module, nn.AdaptiveAvgPool2d):
        is_global = module.output_size in (1, (1, 1))
        return {"type": "pooling", "kind": "average", "kernel": None, "stride": None} if is_global else None
    plain = _pair(module.padding) == [0, 0] and not module.ceil_mode
    if isinstance(module, nn.MaxPool2d):
        plain = plain and _pair(module.dilation) == [1, 1] and not module.return_indices
    else:
        plain = plain and module.divisor_override is None
    if not plain:
        return None
    kind = "max" if isinstance(module, nn.MaxPool2d) else "average"
    return {"type": "pooling", "kind": kind, "kernel": _pair(module.kernel_size), "stride": _pair(module.stride)}


def _pair(size: int | tuple[int, ...]) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _activation(module: nn.Module) -> Layer | None:
    settings: Layer
    match module:
        case nn.ELU():
            settings = {"name": "elu", "alpha": module.alpha}
        case nn.GELU():
            settings = {"name": "gelu" if module.approximate == "none" else "gelu_tanh"}
        case nn.LeakyReLU():
            settings = {"name": "leaky_relu", "slope": module.negative_slope}
        case nn.PReLU():
            settings = {"name": "prelu", "num_slopes": module.num_parameters}
        case nn.Softplus():
            settings = {"name": "softplus", "beta": module.beta, "threshold": module.threshold}
        case _ if type(module) in ACTIVATIONS:
            settings = {"name": ACTIVATIONS[type(module)]}
        case _:
            return None
    return {"type": "activation", **settings}
