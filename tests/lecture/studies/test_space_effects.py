"""The directions of the effects of pooling, fully connected layers and losses, from planted runs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cnnlab.errors import UserError
from cnnlab.lecture import shifts
from cnnlab.lecture.claims import Claim, Verdict
from cnnlab.lecture.confidently_wrong import Gradients
from cnnlab.lecture.judge import judge
from cnnlab.lecture.studies import fully_connected, loss, pool
from cnnlab.lecture.study import BUDGETS, Study, Workspace
from cnnlab.run.status import Status

SEEDS = tuple(range(5))
CENTER = [0.0, -2e-5, 2e-5, 1e-5, -1e-5]  # of each seed


def planted(name: str, accuracy: float, choices: dict[str, str], **params: Any) -> list[Any]:
    """A run of each seed; its folder's name is the configuration's."""
    return [
        SimpleNamespace(
            path=Path(name) / str(seed),
            seed=seed,
            choices=choices,
            params={"optimizer.lr": 0.1, "data.batch_size": 10, **params},
            metric=lambda _name, value=accuracy + CENTER[seed]: value,
            result={"num_params": 10, "data": {"train": 1000}},
            epochs={"step": [100.0, 200.0], "val/acc": [accuracy + CENTER[seed], 0.99]},
        )
        for seed in SEEDS
    ]


def verdicts(study: Study) -> dict[str, Verdict]:
    """Of its claims over seeds, each alone."""
    effects = study.measure(Workspace(BUDGETS["default"], Path("nowhere"))).effects
    claims = [claim for claim in study.claims if isinstance(claim, Claim)]
    return {claim.name: judge([claim], effects, [claim])[0].verdict for claim in claims}


def noisy(path: Path, value: float) -> float:
    return value * (1 + 0.001 * int(path.name))


@pytest.mark.parametrize(("is_as_claimed", "expected"), [(True, Verdict.SUPPORTED), (False, Verdict.REFUTED)])
def test_pooling(monkeypatch: pytest.MonkeyPatch, is_as_claimed: bool, expected: Verdict):
    goodness = {"max": 2, "avg": 1, "stride": 0} if is_as_claimed else {"max": 0, "avg": 1, "stride": 2}
    runs = [run for name, good in goodness.items() for run in planted(name, 0.95 + 0.01 * good, {"pool": name})]

    def moved(run: Any) -> pool.Moved:
        good = goodness[run.choices["pool"]]
        return pool.Moved([0.95, *[0.7 + noisy(run.path, 0.1 * good)] * 6], 0.5 - noisy(run.path, 0.1 * good))

    monkeypatch.setattr(Workspace, "runs", lambda _self, _sweep: runs)
    monkeypatch.setattr(pool, "_moved", moved)
    monkeypatch.setattr(pool, "_maps", lambda _run: {name: torch.ones(1, 2, 2) for name in ("image", "before", "max")})
    assert set(verdicts(pool.STUDY).values()) == {expected}


def test_a_network_without_features_is_left_out_of_their_change(monkeypatch: pytest.MonkeyPatch):
    runs = [run for name in pool.POOLS for run in planted(name, 0.95, {"pool": name})]

    def moved(run: Any) -> pool.Moved:
        is_dead = (run.choices["pool"], run.seed) == ("max", 2)
        return pool.Moved([0.9] * 7, float("nan") if is_dead else 0.5)

    monkeypatch.setattr(Workspace, "runs", lambda _self, _sweep: runs)
    monkeypatch.setattr(pool, "_moved", moved)
    monkeypatch.setattr(pool, "_maps", lambda _run: {name: torch.ones(1, 2, 2) for name in ("image", "before", "max")})
    measured = pool.measure(Workspace(BUDGETS["default"], Path("nowhere")))
    num_effects = {name: len(each) for name, each in measured.effects["pooling_steadies_features"].items()}
    assert num_effects == {"max": len(SEEDS) - 1, "avg": len(SEEDS)}
    assert len(measured.data["change"]["max"]) == len(SEEDS) - 1
    assert len(measured.effects["pooling_helps_under_shifts"]["max"]) == len(SEEDS)


@pytest.mark.parametrize(("is_as_claimed", "expected"), [(True, Verdict.SUPPORTED), (False, Verdict.REFUTED)])
def test_fully_connected_layers(monkeypatch: pytest.MonkeyPatch, is_as_claimed: bool, expected: Verdict):
    sign = 1 if is_as_claimed else -1
    moved = {"lecture": 0.6, "compact": 0.6 + 0.1 * sign, "mlp": 0.6 - 0.1 * sign}  # accuracies
    permuted = {"lecture": 0.9 - 0.05 * sign, "compact": 0.9 - 0.05 * sign, "mlp": 0.9 if is_as_claimed else 0.8}
    runs: dict[str, list[Any]] = {fully_connected.CONVOLUTIONAL: [], fully_connected.FLAT: []}
    for order in (None, 0):
        for sweep, model, width in (
            *((fully_connected.CONVOLUTIONAL, name, None) for name in ("lecture", "compact")),
            *((fully_connected.FLAT, "mlp", width) for width in (27.0, 100.0)),
        ):
            accuracy = 0.9 if order is None else permuted[model]
            params = {"data.pixel_order_seed": order, "model.width": width}
            runs[sweep] += planted(model, accuracy, {"model": model}, **params)
    monkeypatch.setattr(Workspace, "runs", lambda _self, sweep: runs[sweep])
    monkeypatch.setattr(shifts, "of_run", lambda folder: [0.9, *[noisy(folder, moved[folder.parent.name])] * 6])
    monkeypatch.setattr(fully_connected, "_views", lambda _runs: {})
    monkeypatch.setattr(fully_connected, "trains_alike", lambda: True)
    assert set(verdicts(fully_connected.STUDY).values()) == {expected}


@pytest.mark.parametrize(("is_as_claimed", "expected"), [(True, Verdict.SUPPORTED), (False, Verdict.REFUTED)])
def test_losses(monkeypatch: pytest.MonkeyPatch, is_as_claimed: bool, expected: Verdict):
    better, worse = ("cross_entropy", "mse") if is_as_claimed else ("mse", "cross_entropy")
    runs = [*planted(better, 0.96, {"loss": better}), *planted(worse, 0.85, {"loss": worse})]

    def wrong(run: Any) -> Gradients:
        p = torch.tensor([1e-3, 1e-2, 1e-1], dtype=torch.float64)
        vanishing, staying = p.pow(1 + 0.001 * run.seed), p.pow(0.001 * run.seed)
        return Gradients(p, staying, vanishing) if is_as_claimed else Gradients(p, vanishing, 1 / vanishing)

    monkeypatch.setattr(Workspace, "runs", lambda _self, _sweep: runs)
    monkeypatch.setattr(loss, "_wrong", wrong)
    monkeypatch.setattr(loss, "_relearning_rates", lambda _workspace, _rate: dict.fromkeys(loss.LOSSES, 0.1))
    monkeypatch.setattr(
        loss, "_relearned", lambda run, _rates: {better: [0.9 + CENTER[run.seed]], worse: [0.5 - CENTER[run.seed]]}
    )
    assert set(verdicts(loss.STUDY).values()) == {expected}


def test_the_rates_for_relearning_are_the_best_of_the_tuning_networks_on_validation_images(
    monkeypatch: pytest.MonkeyPatch,
):
    best = {"cross_entropy": {1000: 0.0316, 1001: 0.1}, "mse": {1000: 1.0, 1001: 1.0}}
    trials = [
        SimpleNamespace(seed=seed, choices={"loss": name}, params={"optimizer.lr": lr}, status=Status.COMPLETED)
        for seed in (1000, 1001)
        for name in loss.LOSSES
        for lr in (0.1, 0.3)
    ]
    asked = []

    def accuracies(run: Any, name: str, lr: float, part: str, every: int) -> list[float]:
        asked.append((run.choices["loss"], run.params["optimizer.lr"], part))
        return [0.99, 0.9 if lr == best[name][run.seed] else 0.7 if lr == 0.0316 else 0.1]

    monkeypatch.setattr(Workspace, "trials", lambda _self, _sweep: trials)
    monkeypatch.setattr(loss, "_accuracies", accuracies)
    workspace = Workspace(BUDGETS["default"], Path("nowhere"))
    assert loss._relearning_rates(workspace, 0.3) == {"cross_entropy": 0.0316, "mse": 1.0}
    assert set(asked) == {("cross_entropy", 0.3, "val")}
    with pytest.raises(UserError, match=r"lecture_loss has no trial with cross-entropy at 0\.2; run the sweep again"):
        loss._relearning_rates(workspace, 0.2)
