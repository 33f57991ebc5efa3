"""Losses of a softmax: squared error against cross-entropy."""

from functools import partial
from math import log10
from statistics import fmean
from typing import Any

from cnnlab.apply.load import load_finished
from cnnlab.errors import UserError
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.confidently_wrong import (
    EVERY_STEPS,
    LOSSES,
    NUM_STEPS,
    RATES,
    Gradients,
    curve,
    gradients_where_wrong,
    relearn,
    slope,
)
from cnnlab.lecture.studies.loss_figures import show
from cnnlab.lecture.study import Budget, Measured, Study, Workspace
from cnnlab.lecture.swept import BySeed, by_configuration, difference, each_seed, final_accuracy, learning_rate
from cnnlab.report.runs import Run
from cnnlab.run.status import Status

SWEEP = "lecture_loss"  # three passes over the training images, at the learning rates that are best for that
FAST = "lecture_loss_fast"  # one pass, at the learning rates that are best for that
TARGETS = (0.9, 0.95)  # of validation accuracy
MOST_POINTS = 150  # of the scatter of a network's wrong images
AFTER = ("after_cross_entropy", "after_mse")

CLAIMS = (
    Claim("mse_gradient_vanishes_where_wrong", Expected.GREATER, 0.3, "decades", AFTER),
    Claim("cross_entropy_gradient_stays", Expected.EQUAL, 0.3, "decades", AFTER),
    Claim("cross_entropy_relearns", Expected.GREATER, 0.01, "points", ("best_rates",)),
    Claim("cross_entropy_learns_faster", Expected.GREATER, 0.04, "decades", ("to_90", "to_95")),
    Claim("cross_entropy_more_accurate", Expected.GREATER, 0.001, "points", ("best_rates",)),
)


def measure(workspace: Workspace) -> Measured:
    """The runs' learning curves, and the gradients of both losses in the networks that they end with.

    Args:
        workspace: With the sweeps' runs.
    """
    runs, fast = _of_losses(workspace, SWEEP), _of_losses(workspace, FAST)
    rates, fast_rates = ({loss: learning_rate(each[loss]) for loss in LOSSES} for each in (runs, fast))
    accuracy = {loss: each_seed(runs[loss], final_accuracy) for loss in LOSSES}
    passes = _passes_to_targets(fast, workspace.budget)
    wrong = {loss: {seed: _wrong(run) for seed, run in sorted(runs[loss].items())} for loss in LOSSES}
    relearning_rates = _relearning_rates(workspace, rates["cross_entropy"])
    relearned = {seed: _relearned(run, relearning_rates) for seed, run in sorted(runs["cross_entropy"].items())}
    effects = {
        "mse_gradient_vanishes_where_wrong": _slopes(wrong, "mse"),
        "cross_entropy_gradient_stays": _slopes(wrong, "cross_entropy"),
        "cross_entropy_relearns": {
            "best_rates": [each["cross_entropy"][-1] - each["mse"][-1] for each in relearned.values()]
        },
        "cross_entropy_learns_faster": {
            f"to_{target}": difference(_log10(each["mse"]), _log10(each["cross_entropy"]))
            for target, each in passes.items()
        },
        "cross_entropy_more_accurate": {"best_rates": difference(accuracy["cross_entropy"], accuracy["mse"])},
    }
    data = {
        "rates": rates,
        "fast_rates": fast_rates,
        "accuracy": _lists(accuracy),
        "passes": {target: _lists(each) for target, each in passes.items()},
        "learning": {"one": _learning_curves(fast), "three": _learning_curves(runs)},
        "relearning": {
            "rates": relearning_rates,
            "steps": list(range(0, NUM_STEPS + 1, EVERY_STEPS)),
            **{loss: [each[loss] for each in relearned.values()] for loss in LOSSES},
        },
        "curve": curve(),
        "wrong": _scatter(next(iter(wrong["cross_entropy"].values()))),
        "num_wrong": {loss: [len(each.probability) for each in wrong[loss].values()] for loss in LOSSES},
    }
    return Measured(effects, data)


def _of_losses(workspace: Workspace, sweep: str) -> dict[str, dict[int, Run]]:
    found = by_configuration(workspace.runs(sweep), ("loss",))
    return {loss: found[loss,] for loss in LOSSES}


def _passes_to_targets(runs: dict[str, dict[int, Run]], budget: Budget) -> dict[str, dict[str, BySeed]]:
    """By target in per cent and loss."""
    found = {}
    for target in TARGETS:
        reached = [run for each in runs.values() for run in each.values() if max(run.epochs["val/acc"]) >= target]
        if not reached and budget.name != "quick":  # two lower bounds would look like no difference
            raise UserError(f"no run of {FAST} reaches {target:.0%} of the validation images; run it again")
        found[f"{100 * target:.0f}"] = {
            loss: {seed: passes_to(run, target) for seed, run in sorted(each.items())} for loss, each in runs.items()
        }
    return found


def _log10(values: BySeed) -> BySeed:
    return {seed: log10(each) for seed, each in values.items()}


def passes_to(run: Run, target: float) -> float:
    """Passes over the training images until the validation accuracy reaches a target, interpolated between epochs.

    A run that never reaches it has the passes that it made: a lower bound.

    Args:
        run: With an accuracy for each of its epochs.
        target: A fraction.
    """
    passes, accuracies = _passes(run), run.epochs["val/acc"]
    before, lower = 0.0, 0.0
    for now, accuracy in zip(passes, accuracies, strict=True):
        if accuracy >= target:
            return before + (now - before) * (target - lower) / (accuracy - lower)
        before, lower = now, accuracy
    return before


def _passes(run: Run) -> list[float]:
    """After each epoch, how many times every training image was seen."""
    images = run.result["data"]["train"]
    return [step * run.params["data.batch_size"] / images for step in run.epochs["step"]]


def _learning_curves(runs: dict[str, dict[int, Run]]) -> dict[str, list[dict[str, list[float]]]]:
    """Of each loss, one for each seed."""
    return {loss: [_learning(run) for _, run in sorted(runs[loss].items())] for loss in LOSSES}


def _learning(run: Run) -> dict[str, list[float]]:
    return {
        "passes": [round(each, 4) for each in _passes(run)],
        "accuracy": [round(each, 5) for each in run.epochs["val/acc"]],
    }


def _lists(of_losses: dict[str, BySeed]) -> dict[str, list[float]]:
    return {loss: list(of_losses[loss].values()) for loss in LOSSES}


def _wrong(run: Run) -> Gradients:
    classifier, data = load_finished(run.path)
    return gradients_where_wrong(classifier.network, *data.part("test"))


def _slopes(wrong: dict[str, dict[int, Gradients]], loss: str) -> dict[str, list[float]]:
    return {
        f"after_{trained}": [slope(each, loss) for each in of_seeds.values()] for trained, of_seeds in wrong.items()
    }


def _relearning_rates(workspace: Workspace, trained_at: float) -> dict[str, float]:
    """The best of `RATES` for each loss: on validation images, with the networks of the tuning seeds.

    Args:
        workspace: With the trials of the sweep.
        trained_at: The learning rate of the trials whose networks are taken, the one that was chosen.
    """
    if workspace.chosen_before is not None:
        return dict(workspace.chosen_before["relearning"]["rates"])
    networks = [
        run
        for run in workspace.trials(SWEEP)
        if run.choices["loss"] == "cross_entropy"
        and run.params["optimizer.lr"] == trained_at
        and run.status is Status.COMPLETED
    ]
    if not networks:
        raise UserError(f"{SWEEP} has no trial with cross-entropy at {trained_at:g}; run the sweep again")

    def score(loss: str, lr: float) -> float:
        return fmean(_accuracies(run, loss, lr, "val", every=NUM_STEPS)[-1] for run in networks)

    return {loss: max(RATES, key=partial(score, loss)) for loss in LOSSES}


def _relearned(run: Run, rates: dict[str, float]) -> dict[str, list[float]]:
    """Accuracies of a trained network that learns other names for the classes, with each loss."""
    return {loss: _accuracies(run, loss, rates[loss], "test") for loss in LOSSES}


def _accuracies(run: Run, loss: str, lr: float, part: str, every: int = EVERY_STEPS) -> list[float]:
    classifier, data = load_finished(run.path)
    return relearn(classifier.network, data.part("train"), data.part(part), loss, lr, every)


def _scatter(found: Gradients) -> dict[str, Any]:
    """Of at most so many wrong images, evenly spaced in their order of confidence."""
    order = found.probability.argsort()
    order = order[:: max(1, -(-len(order) // MOST_POINTS))]
    return {name: [float(f"{each:.4g}") for each in values[order].tolist()] for name, values in found._asdict().items()}


STUDY = Study(
    "loss",
    CLAIMS,
    measure,
    show,
    sweeps=(SWEEP, FAST),
    sources=("lecture/confidently_wrong.py", "lecture/swept.py", "nn/loss.py", "nn/lecture.py"),
)
