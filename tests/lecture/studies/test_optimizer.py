"""The study of optimisers: what it retrains, measures, concludes and shows."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from cnnlab.lecture import descents, mnist_slice, parallel
from cnnlab.lecture.claims import ExactClaim, Verdict
from cnnlab.lecture.descents import Effort, run_descent
from cnnlab.lecture.effective_rates import Snapshot, effective_rate, look_at_rates
from cnnlab.lecture.judge import judge
from cnnlab.lecture.mnist_slice import measure_slice
from cnnlab.lecture.retraining import retrain
from cnnlab.lecture.studies import optimizer
from cnnlab.lecture.studies.optimizer import CLAIMS, OPTIMIZERS, STUDY
from cnnlab.lecture.study import QUICK, Workspace
from cnnlab.lecture.surfaces import SURFACES, optimizer_option
from cnnlab.lecture.texts import Words
from cnnlab.report.messages import LANGUAGES
from cnnlab.report.runs import Run
from cnnlab.run.execution import run
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.training.checkpoint import weights_sha256
from tests.conftest import SMALL

SPREAD = np.array([-2, -1, 0, 1, 2])
GRADIENT = torch.tensor([0.5, -0.02, 1e-5, 0.0], dtype=torch.float64)


@pytest.fixture
def finished(compose_run, tmp_path):
    """Trains one epoch on 5,000 images."""

    def train(name):
        config = compose_run(*SMALL, f"optimizer={name}", "trainer.max_epochs=1", "logger=none", "callbacks=light")
        run(config)
        folder = (tmp_path / "run").rename(tmp_path / name)
        (folder / ".hydra").mkdir(exist_ok=True)
        OmegaConf.save(config, folder / ".hydra" / "config.yaml")
        return Run(folder, RunFolder(folder).result())

    return train


def test_a_run_that_is_trained_again_ends_with_the_same_weights(finished):
    finished_run = finished("adagrad")
    classifier, _, seen = retrain(finished_run, (1, 10), look_at_rates)
    assert weights_sha256(classifier.network) == finished_run.result["weights_sha256"]
    assert [each.step for each in seen] == [1, 10, finished_run.result["steps"]]
    medians = [float(each.rates.median()) for each in seen]
    assert medians == sorted(medians, reverse=True), "the sum of squares grows"


@pytest.mark.parametrize("name", ["adagrad", "adagrad_lecture", "rmsprop", "adam"])
def test_the_first_step_is_the_effective_rate_times_the_gradient(name):
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    made = optimizer_option(name)([{"params": [weights], "lr": 0.1}])
    weights.grad = GRADIENT.clone()
    made.step()
    seen = look_at_rates(1, torch.nn.Identity(), made)
    torch.testing.assert_close(seen.rates * GRADIENT, -weights.detach())


def test_the_two_adagrads_differ_where_gradients_were_small():
    squares = torch.tensor([1.0, 1e-8, 0.0], dtype=torch.float64)
    inside = effective_rate(squares, 0.1, 1e-8, is_inside=True)
    outside = effective_rate(squares, 0.1, 1e-10, is_inside=False)
    torch.testing.assert_close(
        inside / outside, torch.tensor([1, 0.5**0.5, 1e-6], dtype=torch.float64), rtol=1e-5, atol=0
    )
    at = optimizer._epsilon(Snapshot(3, inside, squares))
    assert (at["share_of_zeros"], at["share_apart"]) == pytest.approx((1 / 3, 1 / 2))
    assert at["smallest_ratio"] == pytest.approx(0.5**0.5, rel=1e-5), "of weights that had a gradient"


def test_the_slice_has_all_paths_from_one_start(finished, monkeypatch):
    monkeypatch.setattr(mnist_slice, "NUM_POINTS", 3)
    monkeypatch.setattr(mnist_slice, "NUM_IMAGES", 50)
    found = measure_slice({name: finished(name) for name in ("sgd", "adam")}, steps=(0, 5, 20))
    assert np.shape(found["z"]) == (3, 3)
    assert len(found["paths"]["adam"]) == 4
    for path in found["paths"].values():
        assert np.abs(path[0]).max() < 1e-9
        for place, axis in enumerate(("x", "y")):
            assert min(found[axis]) < min(np.array(path)[:, place]) <= max(np.array(path)[:, place]) < max(found[axis])
    assert 0 < sum(found["explained"]) <= 1
    assert sum(found["explained_of_walk"]) <= 1


def planted_runs(accuracies):
    """Runs of each optimiser, with the mean accuracy of each."""
    return [
        Run(
            Path("nowhere"),
            {
                "status": Status.COMPLETED,
                "choices": {"optimizer": name},
                "params": {"seed": seed, "optimizer.lr": 0.1},
                "metrics": {"test/acc": mean + 1e-4 * shift, "val/acc": mean},
            },
        )
        for name, mean in accuracies.items()
        for seed, shift in enumerate(SPREAD * (1 + len(name) / 10))
    ]


def planted_tuning(accuracies):
    """A trial of each optimiser on two seeds, and one that diverged on the second."""
    return [
        {
            "overrides": [f"optimizer={name}", "sweep=lecture_optimizer"],
            "trials": [
                {"values": {"optimizer.lr": "1"}, "scores": [0.5, None]},
                {"values": {"optimizer.lr": "0.1"}, "scores": [mean, mean]},
            ],
        }
        for name, mean in [*accuracies.items(), ("sgd", 0.1)]  # the last is of an earlier command
    ]


@pytest.fixture
def measure(monkeypatch):
    """Measures with planted runs and states of optimisers; the surfaces with a small effort."""

    def measure_planted(accuracies, final_rates):
        runs = planted_runs(accuracies)

        def planted_snapshots(run):
            rates = torch.full((9,), final_rates[run.choices["optimizer"]] * 10 ** (0.01 * run.seed)).double()
            squares = torch.ones(9, dtype=torch.float64)
            return [Snapshot(100, torch.ones(9).double(), squares), Snapshot(900, rates, squares)]

        plane = {"x": [-1, 0, 1], "y": [-1, 0, 1], "z": [[1, 2, 3], [2, 1, 2], [3, 2, 4]], "explained": [0.6, 0.2]}
        plane["paths"] = {name: [[0, 0], [0.5, 0.1], [1, 0.4]] for name in OPTIMIZERS}
        plane |= {"explained_of_each": {name: [0.7, 0.1] for name in OPTIMIZERS}, "explained_of_walk": [0.6, 0.15]}
        monkeypatch.setattr(Workspace, "runs", lambda workspace, sweep: runs)
        monkeypatch.setattr(Workspace, "tuning", lambda workspace, sweep: planted_tuning(accuracies))
        monkeypatch.setattr(
            optimizer, "retrain_all", lambda runs, steps, look: [planted_snapshots(run) for run in runs]
        )
        monkeypatch.setattr(optimizer, "measure_slice", lambda runs: plane)
        monkeypatch.setattr(descents, "RATES", (0.1, 0.3))
        monkeypatch.setattr(parallel, "cpu_count", lambda: 1)  # in this process, where the rates are planted
        return STUDY.measure(Workspace(QUICK, Path("nowhere")))

    return measure_planted


SAME = dict.fromkeys((*OPTIMIZERS, "adagrad_lecture"), 0.97)
CLAIMED = {**dict.fromkeys(SAME, 0.98), "sgd": 0.97, "adagrad": 0.96, "adagrad_lecture": 0.96}
OPPOSITE = {**dict.fromkeys(SAME, 0.96), "sgd": 0.97, "adagrad": 0.97, "adagrad_lecture": 0.97}
STEADY = dict.fromkeys(("adagrad", "adagrad_lecture", "rmsprop", "adam"), 1.0)


@pytest.mark.parametrize(
    ("accuracies", "final_rates", "verdict"),
    [
        (CLAIMED, {**STEADY, "adagrad": 0.1, "adagrad_lecture": 0.1}, Verdict.SUPPORTED),
        (OPPOSITE, {**STEADY, "adagrad": 10.0, "adagrad_lecture": 10.0}, Verdict.REFUTED),
        (SAME, STEADY, Verdict.NO_EFFECT),
    ],
)
def test_planted_runs_give_their_verdicts(measure, monkeypatch, accuracies, final_rates, verdict):
    monkeypatch.setattr(optimizer, "measure_surfaces", lambda seeds, effort: ({}, {}))
    effects = measure(accuracies, final_rates).effects
    claims = [claim for claim in CLAIMS if claim.name in effects]
    assert len(claims) == 4
    assert {each.verdict for each in judge(claims, effects, claims)} == {verdict}


def test_everything_that_is_claimed_is_measured_and_shown(measure):
    found = measure(CLAIMED, STEADY)
    for claim in CLAIMS:
        assert found.effects[claim.name].keys() == set(claim.conditions)
        num = 1 if isinstance(claim, ExactClaim) else None
        assert all(len(values) == (num or len(values)) for values in found.effects[claim.name].values())
    assert found.data["trials"]["sgd"] == [[0.1, CLAIMED["sgd"]], [1.0, 0.25]]  # a seed that diverged counts as 0
    for language in LANGUAGES:
        words = Words("optimizer", language)
        shown = STUDY.show(found.data, words)
        assert shown.figures.keys() == words.texts["figures"].keys()
        assert shown.widgets.keys() == words.texts["widgets"].keys()
        assert shown.tables.keys() == words.texts["tables"].keys()
        assert all(len(row) == len(table.head) for table in shown.tables.values() for row in table.rows)
        texts = words.texts["claims"]
        assert all({"words", "rule"} <= texts[claim.name].keys() for claim in CLAIMS)
        assert all(words.condition(name) for claim in CLAIMS for name in claim.conditions)
    widget = shown.widgets["paths"]
    assert widget["paths"].keys() == widget["noisy"].keys() == widget["surfaces"].keys()
    assert np.shape(widget["surfaces"]["ravine"]["z"]) == (33, 49)


def test_momentum_zigzags_less_and_is_faster():
    sgd, momentum = (
        run_descent(SURFACES["ravine"], name, 0.1, [0], False, Effort(num_steps=200, num_paths=2))
        for name in ("sgd", "momentum")
    )
    assert optimizer._reversals(sgd) - optimizer._reversals(momentum) > 0.3
    assert sgd.decades() - momentum.decades() > 0.2
