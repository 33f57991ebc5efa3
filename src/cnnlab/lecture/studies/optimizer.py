"""Optimisers: from the same start on hard surfaces, and on MNIST, each at the best of its learning rates."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import torch

from cnnlab.lecture.claims import AnyClaim, Claim, ExactClaim, Expected
from cnnlab.lecture.descents import (
    SHOWN_RATES,
    Descent,
    Effort,
    run_descent,
    shown_paths,
    stays_on_ridge,
    tuned_descent,
)
from cnnlab.lecture.effective_rates import Snapshot, effective_rate, look_at_rates, median_decades
from cnnlab.lecture.mnist_slice import measure_slice
from cnnlab.lecture.parallel import side_by_side
from cnnlab.lecture.retraining import retrain_all
from cnnlab.lecture.studies.optimizer_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.surfaces import SURFACES, Surface, reversal_share, steps_to_target
from cnnlab.lecture.swept import by_configuration, difference, each_seed, final_accuracy, learning_rate
from cnnlab.report.runs import Run

SWEEP = "lecture_optimizer"
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
ADAPTIVE = ("adagrad", "adagrad_lecture", "rmsprop", "adam")
NOISE = {"exact": False, "noisy": True}  # whether gradients have noise
STEPS = (1, 3, 10, 30, 100, 300)  # after which the optimiser's state is looked at, and after the last
NUM_RETRAINED = 5  # of the seeds: the effects are many times as large as their spread
FIRST_STEP = 100  # from where on an effective learning rate should not fall
LECTURE_EPS, TORCH_EPS = 1e-8, 1e-10  # of conf/optimizer/adagrad_lecture.yaml, of torch.optim.Adagrad
WITH_AND_WITHOUT_NOISE = ("momentum", "momentum_noise", "nesterov", "nesterov_noise")

CLAIMS: tuple[AnyClaim, ...] = (
    Claim(
        "sgd_zigzags_in_the_ravine",
        Expected.GREATER,
        margin=0.1,
        unit="fraction",
        conditions=("momentum_same_rate", "momentum", "nesterov"),
    ),
    Claim(
        "momentum_is_faster_in_the_ravine",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=WITH_AND_WITHOUT_NOISE,
    ),
    Claim(
        "sgd_stays_on_the_plateau",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=("momentum", "momentum_noise", "adam", "adam_noise"),
    ),
    ExactClaim("nothing_leaves_the_exact_saddle", conditions=OPTIMIZERS),
    Claim(
        "sgd_leaves_the_saddle_later",
        Expected.GREATER,
        margin=0.05,
        unit="decades",
        conditions=("momentum_noise", "nesterov_noise", "adam_noise"),
    ),
    Claim(
        "momentum_leaves_the_poor_minimum",
        Expected.GREATER,
        margin=0.1,
        unit="fraction",
        conditions=WITH_AND_WITHOUT_NOISE,
    ),
    Claim("adagrad_slows", Expected.LESS, margin=0.1, unit="decades", conditions=("adagrad", "adagrad_lecture")),
    Claim("rmsprop_keeps_its_pace", Expected.GREATER, margin=0.1, unit="decades", conditions=("rmsprop", "adam")),
    Claim(
        "adagrad_falls_behind_rmsprop",
        Expected.GREATER,
        margin=0.001,
        unit="points",
        conditions=("adagrad", "adagrad_lecture"),
    ),
    Claim(
        "later_optimizers_beat_sgd",
        Expected.GREATER,
        margin=0.001,
        unit="points",
        conditions=("momentum", "nesterov", "rmsprop", "adam"),
    ),
)

Descents = dict[str, dict[str, dict[str, Descent]]]  # of a surface, exact or noisy, an optimiser


def measure(workspace: Workspace) -> Measured:
    """Paths on the surfaces, and what the sweep's runs and their optimisers' states tell."""
    seeds, effort = workspace.budget.seeds, Effort()
    if workspace.budget.name == "quick":
        effort = Effort(num_steps=60, num_paths=4)
    effects, data = measure_surfaces(seeds, effort)
    found = by_configuration(workspace.runs(SWEEP), ("optimizer",))
    runs = {name: found[name,] for name in (*OPTIMIZERS, "adagrad_lecture")}
    rate_effects, data["effective"] = _measure_effective_rates(runs)
    accuracy = {name: each_seed(each, final_accuracy) for name, each in runs.items()}
    effects |= rate_effects | {
        "adagrad_falls_behind_rmsprop": {
            name: difference(accuracy["rmsprop"], accuracy[name]) for name in ("adagrad", "adagrad_lecture")
        },
        "later_optimizers_beat_sgd": {
            name: difference(accuracy[name], accuracy["sgd"]) for name in ("momentum", "nesterov", "rmsprop", "adam")
        },
    }
    data["accuracy"] = {
        name: {"rate": learning_rate(each), "test": list(accuracy[name].values())} for name, each in runs.items()
    }
    data["trials"] = _trials(workspace)
    first = min(set.intersection(*(set(runs[name]) for name in OPTIMIZERS)))
    data["slice"] = measure_slice({name: runs[name][first] for name in OPTIMIZERS})
    return Measured(effects, data)


def measure_surfaces(seeds: Sequence[int], effort: Effort) -> tuple[dict[str, dict[str, list[float]]], dict[str, Any]]:
    """The effects of all claims about surfaces, and what is shown of them.

    Args:
        seeds: Of starts and noise.
        effort: How many paths and steps.
    """
    found = _tuned_descents(seeds, effort)
    ravine = SURFACES["ravine"]
    sgd = found["ravine"]["exact"]["sgd"]
    same_rate = run_descent(ravine, "momentum", sgd.rate, seeds, False, effort)
    effects = {
        "sgd_zigzags_in_the_ravine": {
            "momentum_same_rate": _minus(_reversals(sgd), _reversals(same_rate)),
            **{name: _minus(_reversals(sgd), _reversals(found["ravine"]["exact"][name])) for name in OPTIMIZERS[1:3]},
        },
        "momentum_is_faster_in_the_ravine": _compared(found["ravine"], "momentum_is_faster_in_the_ravine"),
        "sgd_stays_on_the_plateau": _compared(found["plateau"], "sgd_stays_on_the_plateau"),
        "nothing_leaves_the_exact_saddle": {name: [float(stays_on_ridge(name, effort))] for name in OPTIMIZERS},
        "sgd_leaves_the_saddle_later": _compared(found["saddle"], "sgd_leaves_the_saddle_later"),
        "momentum_leaves_the_poor_minimum": _compared(found["two_valleys"], "momentum_leaves_the_poor_minimum"),
    }
    data = {
        "descents": {name: {noise: _summary(each) for noise, each in both.items()} for name, both in found.items()},
        "reversals": {
            "momentum_same_rate": _reversals(same_rate).tolist(),
            **{name: _reversals(each).tolist() for name, each in found["ravine"]["exact"].items()},
        },
        "surfaces": {surface.name: _grid(surface) for surface in SURFACES.values()},
        "paths": {noise: _shown(SHOWN_RATES, is_noisy, effort) for noise, is_noisy in NOISE.items()},
        "best_paths": {name: _best_paths(both, name == "saddle", effort) for name, both in found.items()},
    }
    return effects, data


def _tuned_descents(seeds: Sequence[int], effort: Effort) -> Descents:
    """The paths of every optimiser at its best rate, on each surface, without and with noise."""
    places = [(surface, noise, name) for surface in SURFACES.values() for noise in NOISE for name in OPTIMIZERS]
    descents = side_by_side(
        tuned_descent, [(surface, name, seeds, NOISE[noise], effort) for surface, noise, name in places]
    )
    found: Descents = {}
    for (surface, noise, name), descent in zip(places, descents, strict=True):
        found.setdefault(surface.name, {}).setdefault(noise, {})[name] = descent
    return found


def _reversals(descent: Descent) -> Any:
    """Of successive updates before the target, the share that reverse, for each seed, (seeds,)."""
    return reversal_share(descent.paths, steps_to_target(descent.surface, descent.paths)).mean(axis=-1)


def _minus(first: Any, second: Any) -> list[float]:
    return [float(each) for each in np.asarray(first) - np.asarray(second)]


def _compared(descents: dict[str, dict[str, Descent]], claim: str) -> dict[str, list[float]]:
    """The effects of a claim whose conditions are an optimiser each, `<optimizer>` or `<optimizer>_noise`."""
    effects = {}
    for condition in next(each for each in CLAIMS if each.name == claim).conditions:
        name, _, noise = condition.partition("_")
        of = descents["noisy" if noise else "exact"]
        if claim == "momentum_leaves_the_poor_minimum":
            effects[condition] = _minus(of[name].good_share(), of["sgd"].good_share())
        elif claim == "sgd_leaves_the_saddle_later":
            effects[condition] = _minus(of["sgd"].leaving_decades(), of[name].leaving_decades())
        else:
            effects[condition] = _minus(of["sgd"].decades(), of[name].decades())
    return effects


def _summary(descents: dict[str, Descent]) -> dict[str, Any]:
    return {
        name: {"rate": each.rate, "decades": each.decades().tolist(), "good": each.good_share().tolist()}
        for name, each in descents.items()
    }


def _grid(surface: Surface) -> dict[str, Any]:
    """A surface as the page draws it."""
    x, y = np.linspace(*surface.x, 49), np.linspace(*surface.y, 33)
    weights = torch.tensor(np.stack(np.meshgrid(x, y), axis=-1))
    z = surface.loss(weights).numpy()
    return {
        "x": np.round(x, 4).tolist(),
        "y": np.round(y, 4).tolist(),
        "z": [[float(f"{value:.4g}") for value in row] for row in z],  # (y, x)
        "minimum": list(surface.minimum),
    }


def _shown(rates: Sequence[float], is_noisy: bool, effort: Effort) -> dict[str, Any]:
    """Paths by surface, optimiser and learning rate."""
    places = [(surface, name) for surface in SURFACES.values() for name in OPTIMIZERS]
    paths = side_by_side(shown_paths, [(surface, name, rates, is_noisy, effort) for surface, name in places])
    found: dict[str, Any] = {}
    for (surface, name), of_rates in zip(places, paths, strict=True):
        by_rate = {f"{rate:g}": path for rate, path in zip(rates, of_rates, strict=True)}
        found.setdefault(surface.name, {})[name] = by_rate
    return found


def _best_paths(both: dict[str, dict[str, Descent]], is_noisy: bool, effort: Effort) -> dict[str, Any]:
    """A path of each optimiser at its best rate, without noise where it needs none to leave."""
    return {
        name: shown_paths(each.surface, name, [each.rate], is_noisy, effort)[0]
        for name, each in both["noisy" if is_noisy else "exact"].items()
    }


def _measure_effective_rates(runs: dict[str, dict[int, Run]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the effective learning rates change, and where the two forms of Adagrad differ."""
    places = [(name, seed) for name in ADAPTIVE for seed in sorted(runs[name])[:NUM_RETRAINED]]
    seen = retrain_all([runs[name][seed] for name, seed in places], STEPS, look_at_rates)
    snapshots: dict[str, dict[int, list[Snapshot]]] = {name: {} for name in ADAPTIVE}
    for (name, seed), each in zip(places, seen, strict=True):
        snapshots[name][seed] = each
    decades = {
        name: {seed: [median_decades(at.rates) for at in each] for seed, each in found.items()}
        for name, found in snapshots.items()
    }
    one = next(iter(snapshots["adagrad"].values()))
    steps = [at.step for at in one]
    first = next((index for index, step in enumerate(steps) if step >= FIRST_STEP), 0)
    change = {name: {seed: each[-1] - each[first] for seed, each in found.items()} for name, found in decades.items()}
    effects = {
        "adagrad_slows": {name: list(change[name].values()) for name in ("adagrad", "adagrad_lecture")},
        "rmsprop_keeps_its_pace": {name: difference(change[name], change["adagrad"]) for name in ("rmsprop", "adam")},
    }
    curves = {name: list(each.values()) for name, each in decades.items()}
    return effects, {"steps": steps, "decades": curves, "epsilon": [_epsilon(at) for at in one]}


def _epsilon(at: Snapshot) -> dict[str, float]:
    """The lecture's √(G + ε) beside torch's √G + ε, on the same G."""
    inside = effective_rate(at.squares, 1.0, LECTURE_EPS, is_inside=True)
    outside = effective_rate(at.squares, 1.0, TORCH_EPS, is_inside=False)
    ratio = (inside / outside)[at.squares > 0]  # at most 1; with G = 0 there was no gradient
    return {
        "step": at.step,
        "median_root": float(at.squares.sqrt().median()),
        "share_of_zeros": float((at.squares == 0).double().mean()),
        "share_apart": float((ratio < 0.9).double().mean()),
        "smallest_ratio": float(ratio.min()),
    }


def _trials(workspace: Workspace) -> dict[str, list[list[float]]]:
    """Validation accuracies of the trials: of each optimiser its rates, each with a mean over tuning seeds."""
    found: dict[str, list[list[float]]] = {}
    for candidate in workspace.tuning(SWEEP):
        (name,) = (text.partition("=")[2] for text in candidate["overrides"] if text.startswith("optimizer="))
        trials = sorted(
            [float(trial["values"]["optimizer.lr"]), fmean(0.0 if each is None else each for each in trial["scores"])]
            for trial in candidate["trials"]
        )
        found.setdefault(name, trials)  # those of earlier commands come later
    return found


STUDY = Study(
    name="optimizer",
    claims=CLAIMS,
    measure=measure,
    show=show,
    sweeps=(SWEEP,),
    sources=(
        *(f"conf/optimizer/{name}.yaml" for name in (*OPTIMIZERS, "adagrad_lecture")),
        "lecture/descents.py",
        "lecture/effective_rates.py",
        "lecture/mnist_slice.py",
        "lecture/parallel.py",
        "lecture/retraining.py",
        "observe/loss_surface.py",
        "observe/weight_path.py",
        "lecture/surfaces.py",
        "lecture/swept.py",
        "nn/lecture.py",
        "observe/snapshots.py",
    ),
)
