"""Activation functions by themselves: their curves and derivatives, and the time that they take."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from torch import nn

from cnnlab.experiment.targets import instantiate
from cnnlab.lecture.networks import Images, initial
from cnnlab.observe.activations import activation_slopes

NAMES = (
    "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "selu", "softplus", "gelu", "silu", "mish", "identity",
)  # fmt: skip
POINTS = torch.linspace(-4, 4, 65)
BATCH_SIZE = 64
REPETITIONS = 21  # of each, in turn, so that what else the machine does hits all alike
ALONE = (64, 20, 24, 24)  # 737,280 numbers: what a layer of a small network has


def make_activation(config: DictConfig) -> nn.Module:
    """A config's activation as a layer.

    Args:
        config: A composed one.
    """
    layer: nn.Module = instantiate(config.activation, "activation")()
    return layer


def curve(activation: nn.Module) -> dict[str, list[float]]:
    """A function and its derivative from -4 to 4: `x`, `y` and `slope`.

    Args:
        activation: Elementwise.
    """
    with torch.no_grad():
        values = activation(POINTS.clone())
    columns = {"x": POINTS, "y": values, "slope": activation_slopes(activation, POINTS)}
    return {name: [round(value, 4) for value in column.tolist()] for name, column in columns.items()}


def costs(configs: Mapping[str, DictConfig], images: Images) -> dict[str, dict[str, float]]:
    """Milliseconds forwards and backwards with each activation, of the lecture's network and of the function alone.

    The activations take turns, and each turn is a pair with `relu`'s of the same round: `network_ratio` and
    `alone_ratio` are medians of such ratios.

    Args:
        configs: By name, `relu` among them: composed ones of the lecture's network.
        images: At least `BATCH_SIZE`.
    """
    batch = images[0][:BATCH_SIZE], images[1][:BATCH_SIZE]
    passes = {
        "network": {name: _network_pass(config, batch) for name, config in configs.items()},
        "alone": {name: _lone_pass(make_activation(config)) for name, config in configs.items()},
    }
    found: dict[str, dict[str, float]] = {name: {} for name in configs}
    for what, runs in passes.items():
        times = _in_turn(runs)
        for name, each in times.items():
            found[name][what] = float(np.median(each))
            found[name][f"{what}_ratio"] = float(np.median(each / times["relu"]))
    return found


def _in_turn(runs: Mapping[str, Callable[[], Any]]) -> dict[str, np.ndarray]:
    """Milliseconds of each, (REPETITIONS,), after one that does not count."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPETITIONS + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - started))
    return {name: np.array(each[1:]) for name, each in times.items()}


def _network_pass(config: DictConfig, batch: Images) -> Callable[[], object]:
    classifier = initial(config, seed=0).train()
    parameters = list(classifier.network.parameters())

    def run() -> object:
        loss = classifier.loss(classifier.network(batch[0]), batch[1])
        return torch.autograd.grad(loss, parameters)

    return run


def _lone_pass(activation: nn.Module) -> Callable[[], object]:
    inputs = torch.randn(ALONE, generator=torch.Generator().manual_seed(0)).requires_grad_()
    above = torch.ones(ALONE)

    def run() -> object:
        return torch.autograd.grad(activation(inputs), inputs, above)

    return run
