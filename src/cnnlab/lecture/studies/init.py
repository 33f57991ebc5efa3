"""Initial weights: which keep the signals of a deep network, forwards and backwards, and what that is worth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from cnnlab.lecture.claims import Claim, ExactClaim, Expected
from cnnlab.lecture.judge import Effects
from cnnlab.lecture.networks import Images, Signal, composed, decades, deviation, initial_signals, probe_images
from cnnlab.lecture.studies.init_figures import show
from cnnlab.lecture.study import Budget, Measured, Study, Workspace
from cnnlab.lecture.swept import (
    BySeed,
    by_configuration,
    difference,
    each_seed,
    final_accuracy,
    learning_rate,
    mean,
)
from cnnlab.observe.activations import SATURATED
from cnnlab.report.runs import Run

SWEEP = "lecture_init"
DEEP = 10  # hidden layers of the networks whose signals are measured
DEPTHS = (10, 20)  # of those that are trained
ACTIVATIONS = ("tanh", "relu")
INITS = {
    "random_uniform": ("init=random_uniform",),
    "random_normal": ("init=random_normal",),
    "truncated_normal": ("init=truncated_normal",),
    "standard_normal": ("init=random_normal", "init.weight_.std=1.0"),
    "torch_default": ("init=torch_default",),
    "lecun_normal": ("init=lecun_normal",),
    "xavier_normal": ("init=xavier_normal",),
    "he_normal": ("init=he_normal",),
}
SCALES = (0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)  # standard deviations of the weights, over Xavier's
SHOWN_LAYERS = (1, 4, 7, 10)
VALUES = np.linspace(-1, 1, 32)  # edges of tanh's histogram, even in number so that one bin has 0 in its middle
FORWARD, BACK = np.linspace(-6, 10, 33), np.linspace(-11, 5, 33)  # edges of histograms of log10, of half a decade
DECADE = 1.0  # a signal is lost if its standard deviation changes tenfold between the first and the last hidden layer
SEED_OF_WEIGHTS, NUM_DRAWS = 0, 100  # of xavier_uniform_
LESS, GREATER, EQUAL = Expected.LESS, Expected.GREATER, Expected.EQUAL
LAYERS = {"input_layer": (784, 100), "hidden_layer": (100, 100)}  # fan_in, fan_out

CLAIMS = (
    # log10 of the activations' standard deviation, last over first hidden layer, at depth 10
    Claim("random_normal_silences", LESS, DECADE, "decades", ("tanh", "relu")),
    # the saturated fraction of the last hidden layer with normal weights of torch's own deviation, 1, minus Xavier's
    Claim("large_weights_saturate", GREATER, 0.1, "fraction", ("tanh",)),
    # log10 of the same ratio, of gradients first over last layer: within a decade the signal is kept
    Claim(
        "xavier_keeps_variance", EQUAL, DECADE, "decades", ("tanh_forward", "tanh_back", "relu_forward", "relu_back")
    ),
    Claim("he_keeps_variance", EQUAL, DECADE, "decades", ("relu_forward", "relu_back")),
    # the test accuracy after an epoch, each at its best learning rate
    Claim("xavier_learns_better", GREATER, 0.001, "points", ("tanh_10", "tanh_20")),  # than random normal
    Claim("he_better_for_relu", GREATER, 0.001, "points", ("depth_10", "depth_20")),  # than Xavier
    ExactClaim("xavier_root_is_variance", tuple(LAYERS)),  # the lecture's slip
    ExactClaim("xavier_root_is_bound", tuple(LAYERS)),
)
Deviations = dict[int, dict[str, list[float]]]  # seed: log10 of each layer's, forward and back


def measure(workspace: Workspace) -> Measured:
    """Probes networks before their first step, reads the runs, and draws weights as torch's Xavier does.

    Args:
        workspace: With the sweep's runs.
    """
    found = by_configuration(workspace.runs(SWEEP), ("init", "activation", "model.depth"))
    runs = {(init, name, int(depth)): each for (init, name, depth), each in found.items()}
    images = probe_images(composed(["model=mlp"], workspace.budget))
    histograms: dict[str, dict[str, Any]] = {name: {} for name in ACTIVATIONS}
    deviations: dict[tuple[str, str], Deviations] = {}
    saturated: dict[str, BySeed] = {}
    for init, overrides in INITS.items():
        for name in ACTIVATIONS:
            of_seeds = _signals(overrides, name, workspace.budget, images)
            histograms[name][init] = _histograms(name, of_seeds[workspace.budget.seeds[0]])
            deviations[init, name] = {seed: _deviations(each) for seed, each in of_seeds.items()}
            if name == "tanh":
                saturated[init] = {seed: _fraction_saturated(each[-1]) for seed, each in of_seeds.items()}
    xavier = {name: xavier_numbers(*fans) for name, fans in LAYERS.items()}
    data: dict[str, Any] = {
        "histograms": histograms,
        "deviations": {name: {init: _mean_of_seeds(deviations[init, name]) for init in INITS} for name in ACTIVATIONS},
        "saturated": {init: mean(each) for init, each in saturated.items()},
        "scales": _at_scales(workspace.budget, images),
        "xavier": xavier,
        "accuracy": {"/".join(map(str, key)): _of_runs(each) for key, each in runs.items()},
    }
    return Measured(effects_of(runs, deviations, saturated, xavier), data)


def _signals(overrides: Sequence[str], name: str, budget: Budget, images: Images) -> dict[int, list[Signal]]:
    """The signals of the deep mlp for each seed."""
    config = composed(["model=mlp", f"model.depth={DEEP}", f"activation={name}", *overrides], budget)
    return {seed: initial_signals(config, seed, images) for seed in budget.seeds}


def _histograms(name: str, signals: Sequence[Signal]) -> dict[str, list[list[float]]]:
    """Of some layers: fractions of the activations (of ReLU their log10, where positive), and of log10 of gradients."""
    shown = [signals[layer - 1] for layer in SHOWN_LAYERS]
    forward = [
        _fractions(each.outputs, VALUES) if name == "tanh" else _fractions(_exponents(each.outputs), FORWARD)
        for each in shown
    ]
    return {"forward": forward, "back": [_fractions(_exponents(each.gradient), BACK) for each in shown]}


def _exponents(values: torch.Tensor) -> torch.Tensor:
    """log10 of the absolute values that are not 0."""
    return values[values != 0].abs().log10()


def _fractions(values: torch.Tensor, edges: np.ndarray) -> list[float]:
    """The fraction in each bin; what is beyond the edges is in the outer ones."""
    inside = values.flatten().double().clamp(float(edges[0]), float(edges[-1])).numpy()
    counts = np.histogram(inside, edges)[0]
    return [round(float(each), 4) for each in counts / max(1, counts.sum())]


def _deviations(signals: Sequence[Signal]) -> dict[str, list[float]]:
    return {
        "forward": [decades(deviation(each.outputs)) for each in signals],
        "back": [decades(deviation(each.gradient)) for each in signals],
    }


def _fraction_saturated(signal: Signal) -> float:
    """Of tanh."""
    return float((signal.outputs.abs() > SATURATED).float().mean())


def _at_scales(budget: Budget, images: Images) -> list[dict[str, Any]]:
    """The deviations of each layer with weights of several scales."""
    found = []
    for scale in SCALES:
        overrides = ("init=xavier_normal", f"+init.weight_.gain={scale}")
        of_activations = {}
        for name in ACTIVATIONS:
            of_seeds = _signals(overrides, name, budget, images)
            of_activations[name] = _mean_of_seeds({seed: _deviations(each) for seed, each in of_seeds.items()})
        found.append({"scale": scale, **of_activations})
    return found


def xavier_numbers(fan_in: int, fan_out: int) -> dict[str, float]:
    """What the lecture prints as a variance, and what torch's `xavier_uniform_` draws.

    Args:
        fan_in: Inputs of a layer.
        fan_out: Its units.

    Returns:
        `root` √(6/(fan_in + fan_out)); `variance` 2/(fan_in + fan_out); `drawn_variance` and `drawn_bound`, the largest
        absolute value, of many weights.
    """
    generator = torch.Generator().manual_seed(SEED_OF_WEIGHTS)
    draws = torch.stack(
        [nn.init.xavier_uniform_(torch.empty(fan_out, fan_in), generator=generator) for _ in range(NUM_DRAWS)]
    ).double()
    return {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "root": math.sqrt(6 / (fan_in + fan_out)),
        "variance": 2 / (fan_in + fan_out),
        "drawn_variance": float(draws.var(correction=0)),
        "drawn_bound": float(draws.abs().max()),
    }


def effects_of(
    runs: Mapping[tuple[str, str, int], Mapping[int, Run]],
    deviations: Mapping[tuple[str, str], Deviations],
    saturated: Mapping[str, BySeed],
    xavier: Mapping[str, Mapping[str, float]],
) -> Effects:
    """The effects of all claims.

    Args:
        runs: By initialisation, activation and depth, then by seed.
        deviations: By initialisation and activation, of networks of `DEEP` layers before their first step.
        saturated: The saturated fraction of tanh in the last hidden layer by initialisation.
        xavier: From `xavier_numbers`, of each kind of layer.
    """
    return {
        "random_normal_silences": {
            name: _changes(deviations["random_normal", name], "forward") for name in ACTIVATIONS
        },
        "large_weights_saturate": {"tanh": difference(saturated["standard_normal"], saturated["xavier_normal"])},
        "xavier_keeps_variance": _kept(deviations, "xavier_normal", ACTIVATIONS),
        "he_keeps_variance": _kept(deviations, "he_normal", ("relu",)),
        **_trained(runs),
        "xavier_root_is_variance": {
            name: _is_near(each["drawn_variance"], each["root"]) for name, each in xavier.items()
        },
        "xavier_root_is_bound": {name: _is_near(each["drawn_bound"], each["root"]) for name, each in xavier.items()},
    }


def _kept(
    deviations: Mapping[tuple[str, str], Deviations], init: str, activations: Sequence[str]
) -> dict[str, list[float]]:
    return {
        f"{name}_{way}": _changes(deviations[init, name], way) for name in activations for way in ("forward", "back")
    }


def _trained(runs: Mapping[tuple[str, str, int], Mapping[int, Run]]) -> dict[str, dict[str, list[float]]]:
    accuracy = {key: each_seed(each, final_accuracy) for key, each in runs.items()}

    def gain(better: str, worse: str, name: str, depth: int) -> list[float]:
        return difference(accuracy[better, name, depth], accuracy[worse, name, depth])

    return {
        "xavier_learns_better": {
            f"tanh_{depth}": gain("xavier_normal", "random_normal", "tanh", depth) for depth in DEPTHS
        },
        "he_better_for_relu": {f"depth_{depth}": gain("he_normal", "xavier_normal", "relu", depth) for depth in DEPTHS},
    }


def _is_near(first: float, second: float) -> list[float]:
    return [float(math.isclose(first, second, rel_tol=0.01))]


def _changes(deviations: Deviations, way: str) -> list[float]:
    """log10 of the deviation where the signal ends over that where it begins: backwards it ends in the first layer."""
    start, end = (0, -1) if way == "forward" else (-1, 0)
    return [of[way][end] - of[way][start] for _, of in sorted(deviations.items())]


def _mean_of_seeds(deviations: Deviations) -> dict[str, list[float]]:
    return {
        way: [round(float(each), 3) for each in np.mean([of[way] for of in deviations.values()], axis=0)]
        for way in ("forward", "back")
    }


def _of_runs(runs: Mapping[int, Run]) -> dict[str, Any]:
    return {"lr": learning_rate(runs), "accuracy": list(each_seed(runs, final_accuracy).values())}


STUDY = Study(
    "init",
    CLAIMS,
    measure,
    show,
    sweeps=(SWEEP,),
    sources=("lecture/networks.py", "lecture/swept.py", "nn/init.py", "nn/mlp.py", "observe/activations.py"),
)
