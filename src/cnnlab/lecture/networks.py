"""Networks as their runs build them, before the first step: what their layers pass on, forwards and backwards."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, open_dict
from torch import nn

from cnnlab.data import evenly_spaced
from cnnlab.experiment.folder import config_folder
from cnnlab.lecture.study import Budget
from cnnlab.observe.diagnostics import NUM_IMAGES
from cnnlab.observe.probe import Loss, is_activation
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.classifier import Classifier

Images = tuple[torch.Tensor, torch.Tensor]  # (N, C, H, W) and their labels, (N,)


class Signal(NamedTuple):
    """What goes through an activation.

    Attributes:
        outputs: Forwards: what it gives to the next layer, (N, units, …).
        gradient: Backwards: the gradient of the loss by its inputs, of the same shape.
    """

    outputs: torch.Tensor
    gradient: torch.Tensor


def composed(overrides: Sequence[str], budget: Budget) -> DictConfig:
    """The config that `python train.py <overrides>` has.

    Args:
        overrides: As they are typed.
        budget: Which may choose another data set.
    """
    data = [each for each in budget.overrides if each.startswith("data=")]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", [*overrides, *data])


def initial(config: DictConfig, seed: int) -> Classifier:
    """The network with the initial weights of a seed, in evaluation mode.

    Args:
        config: From `composed`.
        seed: Of its run.
    """
    with open_dict(config):
        config.seed = seed
    return build_classifier(config).eval()


def probe_images(config: DictConfig) -> Images:
    """The training images on which a run's diagnostics are measured.

    Args:
        config: From `composed`.
    """
    data = build_data(config)
    data.setup()
    images, labels = (evenly_spaced(part, NUM_IMAGES) for part in data.part("train"))
    return images, labels


def signals(network: nn.Module, loss: Loss, images: torch.Tensor, labels: torch.Tensor) -> list[Signal]:
    """The signal of each elementwise activation, from the first to the last.

    Args:
        network: Images to logits, with activations that are not in place.
        loss: Logits and labels to a scalar.
        images: (N, C, H, W).
        labels: (N,).
    """
    inputs: list[torch.Tensor] = []
    outputs: list[torch.Tensor] = []

    def watch(_module: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        inputs.append(given[0])
        outputs.append(made.detach())

    handles = [module.register_forward_hook(watch) for module in network.modules() if is_activation(module)]
    try:
        criterion = loss(network(images), labels)
    finally:
        for handle in handles:
            handle.remove()
    return [Signal(*each) for each in zip(outputs, torch.autograd.grad(criterion, inputs), strict=True)]


def initial_signals(config: DictConfig, seed: int, images: Images) -> list[Signal]:
    """The signals of a network before its first step.

    Args:
        config: From `composed`.
        seed: Of its run.
        images: From `probe_images`.
    """
    classifier = initial(config, seed)
    return signals(classifier.network, classifier.loss, *images)


def decades(value: float) -> float:
    """log10 of a deviation; of 0, which is one below float32's smallest normal number, log10 of that number.

    Args:
        value: At least 0.
    """
    return math.log10(max(value, torch.finfo(torch.float32).tiny))


def deviation(values: torch.Tensor) -> float:
    """The standard deviation of all entries.

    Args:
        values: Of any shape.
    """
    return float(values.double().std(correction=0))  # squares of a vanished gradient are below the smallest float32
