"""What every layer does with a few fixed images, forwards and backwards, without a trace in the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from cnnlab.nn.modes import evaluation_mode
from cnnlab.observe.activations import dead_fraction, near_zero_fraction, relative_slopes, saturated_fraction
from cnnlab.observe.gradients import first_to_last_ratio, sign_agreement

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
NOT_ELEMENTWISE = (nn.GLU, nn.LogSoftmax, nn.MultiheadAttention, nn.Softmax, nn.Softmax2d, nn.Softmin)
WHOLE = "network"  # the layer of what is measured of the network as a whole
NUM_EXAMPLES = 32  # whose gradients are taken one by one


class Reading(NamedTuple):
    """A number.

    Attributes:
        layer: The module's or the weight's name, or `WHOLE`.
        quantity: What was measured.
        value: Its value; nan if it is undefined, as a share of nothing.
    """

    layer: str
    quantity: str
    value: float


def probe(network: nn.Module, loss: Loss, images: torch.Tensor, labels: torch.Tensor) -> list[Reading]:
    """Measures all layers on the same images, in evaluation mode.

    Of each elementwise activation: mean and standard deviation before and after it (`pre_mean`, `pre_std`, `post_mean`,
    `post_std`), `saturated_fraction`, `near_zero_fraction`, `dead_fraction`, and the standard deviation of the loss's
    gradient before it (`backward_std`). Of each weight: `gradient_norm`, `gradient_std` and `sign_agreement`, of the
    whole batch and as a mean over examples (`sign_agreement_per_example`). Of the network: `loss` and the ratio of the
    first weight's gradient norm to the last one's (`first_to_last_ratio`).

    Weights, gradients, running statistics, modes, hooks and random numbers are afterwards what they were.

    Args:
        network: Images to logits.
        loss: Logits and labels to a scalar, the mean over images.
        images: (N, C, H, W), on the network's device and of its type.
        labels: (N,).

    Returns:
        In the order of the layers.
    """
    weights = {name: parameter for name, parameter in network.named_parameters() if parameter.ndim >= 2}
    with evaluation_mode(network), torch.enable_grad():
        with _watched(network) as watched:
            criterion = loss(network(images), labels)
        inputs = [layer.inputs for layer in watched.values()]
        found = torch.autograd.grad(criterion, [*weights.values(), *inputs], allow_unused=True)
        of_examples = _gradients_of_examples(network, loss, images[:NUM_EXAMPLES], labels[:NUM_EXAMPLES])
    gradients = dict(zip(weights, found, strict=False))
    backward = dict(zip(watched, found[len(weights) :], strict=True))
    readings = [Reading(WHOLE, "loss", float(criterion.detach()))]
    for name, layer in watched.items():
        readings += [Reading(name, quantity, value) for quantity, value in layer.quantities()]
        readings += _of_gradient(name, backward[name], {"backward_std": _deviation})
    for name, gradient in gradients.items():
        quantities = {"gradient_norm": _norm, "gradient_std": _deviation, "sign_agreement": sign_agreement}
        readings += _of_gradient(name, gradient, quantities)
        each = of_examples.get(name)
        if each is not None:
            readings.append(Reading(name, "sign_agreement_per_example", sign_agreement(each.flatten(0, 1))))
    norms = [_norm(gradient) for gradient in gradients.values() if gradient is not None]
    return [*readings, *([Reading(WHOLE, "first_to_last_ratio", first_to_last_ratio(norms))] if norms else [])]


def is_activation(module: nn.Module) -> bool:
    """Whether a module is an elementwise activation of torch's; `activation=identity` is one, whose slope is 1."""
    is_torchs = type(module).__module__ == "torch.nn.modules.activation" or type(module) is nn.Identity
    return is_torchs and not isinstance(module, NOT_ELEMENTWISE)


class _Layer:
    """An activation's inputs and outputs.

    Args:
        module: The activation.
        inputs: (N, units, …), part of the graph.
    """

    def __init__(self, module: nn.Module, inputs: torch.Tensor) -> None:
        self.module, self.inputs = module, inputs
        self.outputs = inputs

    def quantities(self) -> Iterator[tuple[str, float]]:
        """What is measured of it forwards."""
        inputs, outputs = self.inputs.detach(), self.outputs.detach()
        for place, values in (("pre", inputs), ("post", outputs)):
            yield f"{place}_mean", float(values.mean())
            yield f"{place}_std", _deviation(values)
        yield "saturated_fraction", saturated_fraction(self.module, inputs)
        yield "near_zero_fraction", near_zero_fraction(outputs)
        yield "dead_fraction", dead_fraction(relative_slopes(self.module, inputs))


@contextmanager
def _watched(network: nn.Module) -> Iterator[dict[str, _Layer]]:
    """Hooks on all activations, which fused layers then leave to torch; gone at the end, whatever happens."""
    watched: dict[str, _Layer] = {}
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        def before(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            watched[name] = _Layer(module, inputs[0])
            return (inputs[0].clone(), *inputs[1:])  # for an activation in place

        def after(_module: nn.Module, _inputs: tuple[torch.Tensor, ...], outputs: torch.Tensor) -> None:
            watched[name].outputs = outputs

        handles.extend([module.register_forward_pre_hook(before), module.register_forward_hook(after)])

    for name, module in network.named_modules():
        if is_activation(module):
            watch(name, module)
    try:
        yield watched
    finally:
        for handle in handles:
            handle.remove()


def _gradients_of_examples(
    network: nn.Module, loss: Loss, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    """The gradients of each example's own loss, (B, …) of each weight."""
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    buffers = dict(network.named_buffers())

    def loss_of_one(parameters: dict[str, torch.Tensor], image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        logits = functional_call(network, (parameters, buffers), (image.unsqueeze(0),))
        return loss(logits, label.unsqueeze(0))

    gradients: dict[str, torch.Tensor] = vmap(grad(loss_of_one), in_dims=(None, 0, 0))(parameters, images, labels)
    return {name: gradient for name, gradient in gradients.items() if gradient.ndim >= 3}


def _of_gradient(
    name: str, gradient: torch.Tensor | None, quantities: dict[str, Callable[[torch.Tensor], float]]
) -> list[Reading]:
    """Nothing of a tensor that the loss does not depend on."""
    if gradient is None:
        return []
    return [Reading(name, quantity, measure(gradient)) for quantity, measure in quantities.items()]


def _norm(values: torch.Tensor) -> float:
    return float(values.double().norm())  # squares of a vanishing gradient are below the smallest float32


def _deviation(values: torch.Tensor) -> float:
    """Standard deviation over all entries; 0 of a single one."""
    return float(values.double().std(correction=0))
