"""Whether a network starts well: signals and gradients of all layers before the first step, and the initial loss."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from cnnlab.nn.batch_norm import has_running_statistics
from cnnlab.nn.modes import evaluation_mode
from cnnlab.observe.loss_surface import Loss
from cnnlab.observe.probe import WHOLE, Reading

# Between layers. Of conf/'s models with an init for their activation, signals stay within 10 and relative gradients
# within 20, at any depth; a first layer below 1/100 needs a hundred epochs for what the last does in one.
MOST_FACTOR = 100.0
# Of the loss of equal logits, ln C. He's normal init on the lecture's network has 2.7, all others in conf/ below 2.
MOST_LOSS = 2.0


@dataclass(frozen=True)
class LayerVariances:
    """Of an activation.

    Attributes:
        layer: Its name.
        before: The variance of its inputs.
        after: That of its outputs.
        backward: That of the loss's gradient with respect to its inputs.
    """

    layer: str
    before: float
    after: float
    backward: float


@dataclass(frozen=True)
class InitialReport:
    """A network before its first step.

    Attributes:
        layers: The activations, from the first to the last.
        gradients: Of each weight that is not zero, |gradient| / |weight|, from the first layer to the last.
        loss: On the probe's images.
        chance_loss: That of equal logits: ln(num_classes), if it is the cross-entropy.
        is_normalised: Whether batch norm rescales signals in training, which is off where they are measured.
    """

    layers: Sequence[LayerVariances]
    gradients: dict[str, float]
    loss: float
    chance_loss: float
    is_normalised: bool

    @property
    def signal_factor(self) -> float:
        """The last activation's standard deviation over the first's, before them; nan with fewer than two."""
        if len(self.layers) < 2:
            return math.nan
        return _factor(math.sqrt(self.layers[-1].before), math.sqrt(self.layers[0].before))

    @property
    def gradient_factor(self) -> float:
        """The first layer's relative gradient over the last's; nan with fewer than two layers."""
        if len(self.gradients) < 2:
            return math.nan
        first, *_, last = self.gradients.values()
        return _factor(first, last)


def initial_report(network: nn.Module, loss: Loss, labels: torch.Tensor, readings: Sequence[Reading]) -> InitialReport:
    """What the probe of an initial network says of its start.

    Args:
        network: The network.
        loss: Logits and labels to a scalar.
        labels: Of the probe's images, (N,).
        readings: What `probe` measured.
    """
    values = {(each.layer, each.quantity): each.value for each in readings}
    layers = layer_variances(readings)
    norms = {name: float(each.detach().double().norm()) for name, each in network.named_parameters()}
    gradients = {
        layer: value / norms[layer]
        for (layer, quantity), value in values.items()
        if quantity == "gradient_norm" and norms[layer] > 0
    }
    return InitialReport(
        layers, gradients, values[WHOLE, "loss"], chance_loss(network, loss, labels), has_running_statistics(network)
    )


def layer_variances(readings: Sequence[Reading]) -> list[LayerVariances]:
    """The variances of all activations, from the first to the last.

    Args:
        readings: What `probe` measured, at one step.
    """
    values = {(each.layer, each.quantity): each.value for each in readings}
    quantities = ("pre_std", "post_std", "backward_std")
    return [
        LayerVariances(layer, *(values.get((layer, each), math.nan) ** 2 for each in quantities))
        for layer, quantity in values
        if quantity == "pre_std"
    ]


def chance_loss(network: nn.Module, loss: Loss, labels: torch.Tensor) -> float:
    """The loss of equal logits, for every image: ln(num_classes) for the cross-entropy.

    Args:
        network: Whose last linear layer has a logit for each class.
        loss: Logits and labels to a scalar.
        labels: (N,).
    """
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    with evaluation_mode(network), torch.no_grad():
        return float(loss(last.weight.new_zeros(len(labels), last.out_features), labels))


def warnings_of(report: InitialReport) -> list[str]:
    """What is unhealthy about a start, a line each; none if nothing is.

    Args:
        report: Of the network before its first step.
    """
    return [line for line in (_about_signals(report), _about_gradients(report), _about_loss(report)) if line]


def format_variances(layers: Sequence[LayerVariances]) -> str:
    """The variances as a table, a line per activation.

    Args:
        layers: From the first to the last.
    """
    head = ("layer", "before", "after", "gradient")
    rows = [(each.layer, *(f"{value:.2e}" for value in (each.before, each.after, each.backward))) for each in layers]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(_aligned(row, widths) for row in (head, *rows))


def _about_signals(report: InitialReport) -> str | None:
    factor = report.signal_factor
    if report.is_normalised or not _is_far(factor):
        return None
    first, last = report.layers[0], report.layers[-1]
    verb = "vanish" if factor < 1 else "explode"
    return (
        f"at the start, signals {verb}: their standard deviation is {math.sqrt(first.before):.2g} before {first.layer} "
        f"and {math.sqrt(last.before):.2g} before {last.layer}; choose an init for the activation (he_normal for relu, "
        "xavier_normal for tanh)"
    )


def _about_gradients(report: InitialReport) -> str | None:
    factor = report.gradient_factor
    if report.is_normalised or not _is_far(factor):
        return None
    first, *_, last = report.gradients
    verb, advice = ("vanish", "the first layers hardly learn") if factor < 1 else ("explode", "lower optimizer.lr")
    return (
        f"at the start, gradients {verb}: relative to the weights, that of {first} is {factor:.1e} times that of "
        f"{last}; {advice}"
    )


def _about_loss(report: InitialReport) -> str | None:
    if report.loss <= MOST_LOSS * report.chance_loss:
        return None
    return (
        f"at the start, the loss is {report.loss:.3g}, that of equal logits {report.chance_loss:.3g}: the network is "
        "sure before it has learned; choose an init with smaller weights"
    )


def _is_far(factor: float) -> bool:
    return not 1 / MOST_FACTOR <= factor <= MOST_FACTOR and not math.isnan(factor)


def _factor(above: float, below: float) -> float:
    if below > 0:
        return above / below
    return math.inf if above > 0 else math.nan


def _aligned(row: Iterable[str], widths: Sequence[int]) -> str:
    name, *values = row
    return "  ".join(
        [name.ljust(widths[0]), *(value.rjust(width) for value, width in zip(values, widths[1:], strict=True))]
    )
