"""Activations: which saturate, which pass the gradient back, which zigzag, which die, and what each costs."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnnlab.lecture.activation_functions import NAMES, costs, curve, make_activation
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.judge import Effects
from cnnlab.lecture.networks import composed, decades, deviation, initial_signals, probe_images
from cnnlab.lecture.studies.activation_figures import show
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
from cnnlab.observe.diagnostics import FILE, read_diagnostics
from cnnlab.observe.layer_figure import Row
from cnnlab.observe.probe import WHOLE
from cnnlab.report.runs import Run

SWEEP = "lecture_activation"
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
DEPTHS = (2, 5, 10, 20)
DEEP = 10  # of which the layers are shown, and whose gradients are judged
STARTS = {"torch_start": "torch_default", "xavier_start": "xavier_normal", "he_start": "he_normal"}
LESS, GREATER = Expected.LESS, Expected.GREATER
DECADE = 1.0  # a gradient vanishes if a tenth of it, or less, is left in the first layer

VANISHING = ("torch_start", "xavier_start", "he_trained")

CLAIMS = (
    # log10 of the gradient's standard deviation before the activation, first over last hidden layer, at depth 10
    Claim("sigmoid_vanishes", LESS, DECADE, "decades", VANISHING),
    Claim("tanh_vanishes", LESS, DECADE, "decades", VANISHING),
    # the same of ReLU, minus that of the other activation with the same initial weights, before the first step
    Claim("relu_vanishes_less", GREATER, DECADE, "decades", ("sigmoid_he", "tanh_he", "tanh_torch")),
    # the saturated fraction after training, as a mean over hidden layers
    Claim("sigmoid_saturates", GREATER, 0.1, "fraction", ("depth_2", "depth_10")),
    Claim("tanh_saturates", GREATER, 0.1, "fraction", ("depth_2", "depth_10")),
    # the dead fraction after training, as a mean over hidden layers: ReLU's minus Leaky ReLU's
    Claim("relu_units_die", GREATER, 0.01, "fraction", ("depth_2", "depth_20")),
    # the share of one sign among a neuron's incoming gradients after training, minus that of tanh, at depth 5
    Claim("sigmoid_one_sign", GREATER, 0.1, "fraction", ("per_example", "per_batch")),
    Claim("relu_one_sign", GREATER, 0.1, "fraction", ("per_example", "per_batch")),
    # the cosine between successive updates, mean over an epoch, minus that of tanh
    Claim("sigmoid_zigzags", LESS, 0.05, "fraction", ("depth_2", "depth_5")),
    # the test accuracy after an epoch at each one's best learning rate: ReLU's minus the other's
    Claim("relu_learns_faster", GREATER, 0.001, "points", ("sigmoid_2", "sigmoid_10", "tanh_2", "tanh_10")),
)
SIGNS = {"per_example": "sign_agreement_per_example", "per_batch": "sign_agreement"}
Profile = list[float]  # log10 of a quantity in each hidden layer
Profiles = dict[str, dict[str, dict[int, dict[int, Profile]]]]  # place, activation, depth, seed


def measure(workspace: Workspace) -> Measured:
    """Reads the runs' diagnostics, probes networks before their first step, and takes the time of each activation.

    Args:
        workspace: With the sweep's runs.
    """
    found = by_configuration(workspace.runs(SWEEP), ("activation", "model.depth"))
    runs = {(name, int(depth)): each for (name, depth), each in found.items()}
    rows = {key: {seed: Diagnosis(run) for seed, run in each.items()} for key, each in runs.items()}
    profiles = _at_start(workspace.budget)
    profiles["he_trained"] = {
        name: {depth: {seed: each.gradients() for seed, each in rows[name, depth].items()} for depth in DEPTHS}
        for name in ACTIVATIONS[:3]
    }
    data: dict[str, Any] = {
        "gradients": {
            place: {name: _layers(each[DEEP]) for name, each in of.items()} for place, of in profiles.items()
        },
        "by_depth": {
            place: {name: [_spread(_ratios(each[depth])) for depth in DEPTHS] for name, each in of.items()}
            for place, of in profiles.items()
        },
        "saturation": {
            str(depth): {name: _over_steps(rows[name, depth]) for name in ACTIVATIONS} for depth in (2, DEEP)
        },
        "signs": {name: _signs(rows, name) for name in ACTIVATIONS},
        "dead": {name: [mean(_last(rows[name, depth], "dead_fraction")) for depth in DEPTHS] for name in ACTIVATIONS},
        "accuracy": {name: [_of_runs(runs[name, depth]) for depth in DEPTHS] for name in ACTIVATIONS},
        **_functions(workspace.budget),
    }
    return Measured(effects_of(runs, rows, profiles), data)


class Diagnosis:
    """The diagnostics of a run.

    Args:
        run: With `callbacks=full`.
    """

    def __init__(self, run: Run) -> None:
        self.rows: list[Row] = read_diagnostics(run.path / FILE)
        self.last_step = max((row[0] for row in self.rows), default=0)

    def values(self, quantity: str, step: int | None = None) -> dict[str, float]:
        """By layer, after a step; without one after the last that was measured."""
        step = self.last_step if step is None else step
        return {row[2]: row[4] for row in self.rows if row[3] == quantity and row[0] == step}

    def mean(self, quantity: str, step: int | None = None) -> float:
        """The mean over layers."""
        return float(np.mean(list(self.values(quantity, step).values())))

    def gradients(self) -> Profile:
        """log10 of each hidden layer's gradient after the last step."""
        return _log10(self.values("backward_std").values())

    def sign_agreement(self, quantity: str) -> float:
        """The mean over the weights whose inputs are outputs of an activation; nan shares are of nothing."""
        _first, *hidden = self.values(quantity).values()
        return float(np.nanmean(hidden))

    def update_cosine(self) -> float:
        """The mean over all steps that were measured."""
        return float(np.nanmean([row[4] for row in self.rows if row[2:4] == (WHOLE, "update_cosine")]))


Diagnoses = Mapping[tuple[str, int], Mapping[int, Diagnosis]]


def _at_start(budget: Budget) -> Profiles:
    """The gradients of every layer before the first step."""
    images = probe_images(composed(["model=mlp"], budget))
    found: Profiles = {}
    for place, init in STARTS.items():
        for name in ACTIVATIONS[:3]:
            of_depths = found.setdefault(place, {}).setdefault(name, {})
            for depth in DEPTHS:
                overrides = ["model=mlp", f"init={init}", f"activation={name}", f"model.depth={depth}"]
                config = composed(overrides, budget)
                of_depths[depth] = {
                    seed: _log10(deviation(each.gradient) for each in initial_signals(config, seed, images))
                    for seed in budget.seeds
                }
    return found


def _functions(budget: Budget) -> dict[str, Any]:
    """The curves, and what each costs."""
    configs = {name: composed([f"activation={name}"], budget) for name in NAMES}
    images = probe_images(configs["relu"])
    return {
        "functions": {name: curve(make_activation(config)) for name, config in configs.items()},
        "costs": costs(configs, images),
    }


def effects_of(runs: Mapping[tuple[str, int], Mapping[int, Run]], diagnoses: Diagnoses, profiles: Profiles) -> Effects:
    """The effects of all claims.

    Args:
        runs: By activation and depth, then by seed.
        diagnoses: The same runs'.
        profiles: Of networks before their first step, and of the trained ones.
    """
    accuracy = {key: each_seed(each, final_accuracy) for key, each in runs.items()}
    saturated = {key: _last(each, "saturated_fraction") for key, each in diagnoses.items()}
    dead = {key: _last(each, "dead_fraction") for key, each in diagnoses.items()}
    cosines = {key: {seed: each.update_cosine() for seed, each in of.items()} for key, of in diagnoses.items()}

    def signs(name: str, quantity: str) -> BySeed:
        return {seed: each.sign_agreement(quantity) for seed, each in diagnoses[name, 5].items()}

    effects: dict[str, dict[str, list[float]]] = _vanishing(profiles)
    for name in ("sigmoid", "tanh"):
        effects[f"{name}_saturates"] = {f"depth_{each}": list(saturated[name, each].values()) for each in (2, DEEP)}
    effects["relu_units_die"] = {
        f"depth_{depth}": difference(dead["relu", depth], dead["leaky_relu", depth]) for depth in (2, 20)
    }
    for name in ("sigmoid", "relu"):
        effects[f"{name}_one_sign"] = {
            each: difference(signs(name, quantity), signs("tanh", quantity)) for each, quantity in SIGNS.items()
        }
    effects["sigmoid_zigzags"] = {
        f"depth_{depth}": difference(cosines["sigmoid", depth], cosines["tanh", depth]) for depth in (2, 5)
    }
    effects["relu_learns_faster"] = {
        f"{name}_{depth}": difference(accuracy["relu", depth], accuracy[name, depth])
        for name in ("sigmoid", "tanh")
        for depth in (2, DEEP)
    }
    return effects


def _vanishing(profiles: Profiles) -> dict[str, dict[str, list[float]]]:
    ratios = {(place, name): _ratios(each[DEEP]) for place, of in profiles.items() for name, each in of.items()}
    effects = {
        f"{name}_vanishes": {place: list(ratios[place, name].values()) for place in VANISHING}
        for name in ("sigmoid", "tanh")
    }
    effects["relu_vanishes_less"] = {
        f"{other}_{init}": difference(ratios[f"{init}_start", "relu"], ratios[f"{init}_start", other])
        for other, init in (("sigmoid", "he"), ("tanh", "he"), ("tanh", "torch"))
    }
    return effects


def _log10(values: Iterable[float]) -> Profile:
    return [decades(value) for value in values]


def _ratios(profiles: Mapping[int, Profile]) -> BySeed:
    """log10 of first over last."""
    return {seed: profile[0] - profile[-1] for seed, profile in sorted(profiles.items())}


def _layers(profiles: Mapping[int, Profile]) -> list[float]:
    """log10 of each layer's gradient relative to the last one's, as a mean over seeds."""
    return [round(float(each), 3) for each in np.mean([np.subtract(row, row[-1]) for row in profiles.values()], axis=0)]


def _last(rows: Mapping[int, Diagnosis], quantity: str) -> BySeed:
    return {seed: each.mean(quantity) for seed, each in sorted(rows.items())}


def _over_steps(rows: Mapping[int, Diagnosis]) -> dict[str, list[float]]:
    """The saturated fraction after each step that was measured: a mean over layers and seeds."""
    steps = sorted({row[0] for row in next(iter(rows.values())).rows if row[3] == "saturated_fraction"})
    means = [float(np.mean([each.mean("saturated_fraction", step) for each in rows.values()])) for step in steps]
    return {"steps": [float(step) for step in steps], "fraction": [round(mean, 5) for mean in means]}


def _signs(rows: Diagnoses, name: str) -> dict[str, float | None]:
    found: dict[str, float] = {
        each: float(np.mean([run.sign_agreement(quantity) for run in rows[name, 5].values()]))
        for each, quantity in SIGNS.items()
    }
    for depth in (2, 5):
        found[f"cosine_{depth}"] = float(np.mean([run.update_cosine() for run in rows[name, depth].values()]))
    return {key: round(value, 4) if math.isfinite(value) else None for key, value in found.items()}


def _of_runs(runs: Mapping[int, Run]) -> dict[str, Any]:
    """Accuracies after training, and the learning rate that was chosen."""
    return {"lr": learning_rate(runs), "accuracy": _spread(each_seed(runs, final_accuracy))}


def _spread(values: BySeed) -> dict[str, float]:
    each = list(values.values())
    return {"mean": mean(values), "low": round(min(each), 5), "high": round(max(each), 5)}


STUDY = Study(
    "activation",
    CLAIMS,
    measure,
    show,
    sweeps=(SWEEP,),
    sources=(
        "lecture/activation_functions.py",
        "lecture/networks.py",
        "lecture/swept.py",
        "nn/mlp.py",
        "observe/activations.py",
        "observe/diagnostics.py",
        "observe/gradients.py",
        "observe/probe.py",
    ),
)
