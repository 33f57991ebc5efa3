import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.judge import judge
from cnnlab.lecture.networks import Signal, composed, initial
from cnnlab.lecture.studies import init
from cnnlab.lecture.studies.init import CLAIMS, INITS, STUDY, effects_of, xavier_numbers
from cnnlab.lecture.study import QUICK, Workspace
from cnnlab.lecture.texts import Words
from cnnlab.report.page.figures.svg import inline_svg
from cnnlab.report.runs import Run
from cnnlab.run.status import Status

ACTIVATIONS, DEPTHS = ("tanh", "relu"), (10, 20)
TRAINED = ("random_normal", "xavier_normal", "he_normal")
NOISE = {name: np.roll(1e-4 * np.array([-2, -1, 0, 1, 2]), place) for place, name in enumerate(INITS)}  # of seeds
XAVIER = {name: xavier_numbers(*fans) for name, fans in init.LAYERS.items()}


def planted_run(weights, activation, depth, seed, accuracy):
    params = {"seed": seed, "model.depth": depth, "optimizer.lr": 0.1}
    choices = {"activation": activation, "init": weights}
    metrics = {"test/acc": accuracy + NOISE[weights][seed]}
    return Run(Path("nowhere"), {"status": Status.COMPLETED, "params": params, "choices": choices, "metrics": metrics})


def effects(changes=None, saturated=None, accuracy=None):
    """Of planted changes from one end to the other, saturated fractions and accuracies: 0, 0 and 0.9 if not given."""
    runs = {
        (weights, activation, depth): {
            seed: planted_run(weights, activation, depth, seed, (accuracy or {}).get(weights, 0.9)) for seed in range(5)
        }
        for weights in TRAINED
        for activation in ACTIVATIONS
        for depth in DEPTHS
    }
    deviations = {}
    for weights in INITS:
        for activation in ACTIVATIONS:
            forward, back = (changes or {}).get((weights, activation), (0, 0))
            deviations[weights, activation] = {
                seed: {"forward": [-1.0, 5.0, -1 + forward + noise], "back": [-4 + back + noise, 5.0, -4.0]}
                for seed, noise in enumerate(NOISE[weights])
            }
    fractions = {
        weights: {seed: (saturated or {}).get(weights, 0) + noise for seed, noise in enumerate(NOISE[weights])}
        for weights in INITS
    }
    return effects_of(runs, deviations, fractions, XAVIER)


def verdict(name, found):
    return {each.claim.name: each.verdict for each in judge(CLAIMS, found, CLAIMS)}[name]


@pytest.mark.parametrize(
    ("claim", "changes", "expected"),
    [
        ("random_normal_silences", {("random_normal", each): (-3, 0) for each in ACTIVATIONS}, Verdict.SUPPORTED),
        ("random_normal_silences", {("random_normal", "tanh"): (-3, 0)}, Verdict.DEPENDS),
        ("random_normal_silences", {("random_normal", each): (3, 0) for each in ACTIVATIONS}, Verdict.REFUTED),
        ("random_normal_silences", {}, Verdict.NO_EFFECT),
        ("xavier_keeps_variance", {("xavier_normal", "relu"): (-0.9, 0.9)}, Verdict.SUPPORTED),
        ("xavier_keeps_variance", {("xavier_normal", "relu"): (-1.1, -1.1)}, Verdict.DEPENDS),
        ("xavier_keeps_variance", {("xavier_normal", each): (-1.1, 1.1) for each in ACTIVATIONS}, Verdict.REFUTED),
        ("he_keeps_variance", {}, Verdict.SUPPORTED),
        ("he_keeps_variance", {("he_normal", "relu"): (0, -1.1)}, Verdict.DEPENDS),
        ("he_keeps_variance", {("he_normal", "relu"): (1.1, -1.1)}, Verdict.REFUTED),
    ],
)
def test_planted_signals_give_each_verdict(claim, changes, expected):
    assert verdict(claim, effects(changes)) is expected


@pytest.mark.parametrize(
    ("claim", "planted", "expected"),
    [
        ("large_weights_saturate", {"saturated": {"standard_normal": 0.9}}, Verdict.SUPPORTED),
        ("large_weights_saturate", {"saturated": {"standard_normal": 0.05}}, Verdict.NO_EFFECT),
        ("large_weights_saturate", {"saturated": {"xavier_normal": 0.9}}, Verdict.REFUTED),
        ("xavier_learns_better", {"accuracy": {"xavier_normal": 0.95}}, Verdict.SUPPORTED),
        ("xavier_learns_better", {"accuracy": {"random_normal": 0.95}}, Verdict.REFUTED),
        ("he_better_for_relu", {"accuracy": {"he_normal": 0.95}}, Verdict.SUPPORTED),
        ("he_better_for_relu", {"accuracy": {"xavier_normal": 0.95}}, Verdict.REFUTED),
        ("xavier_root_is_variance", {}, Verdict.REFUTED),
        ("xavier_root_is_bound", {}, Verdict.SUPPORTED),
    ],
)
def test_planted_numbers_give_each_verdict(claim, planted, expected):
    assert verdict(claim, effects(**planted)) is expected


def test_effects_are_those_computed_by_hand():
    found = effects({("random_normal", "tanh"): (-3, 0), ("he_normal", "relu"): (0, 0.5)}, {"standard_normal": 0.75})
    assert found["random_normal_silences"]["tanh"] == pytest.approx(-3 + NOISE["random_normal"])
    assert found["he_keeps_variance"]["relu_back"] == pytest.approx(0.5 + NOISE["he_normal"])
    assert found["large_weights_saturate"]["tanh"] == pytest.approx([0.75] * 5, abs=1e-3)


def test_the_lecture_s_root_is_the_bound_of_what_torch_draws_and_not_its_variance():
    found = xavier_numbers(3, 3)
    assert (found["root"], found["variance"]) == (1, 1 / 3)
    assert found["drawn_bound"] == pytest.approx(1, abs=0.02)
    assert found["drawn_variance"] == pytest.approx(1 / 3, rel=0.1)


def test_histograms_are_shares():
    signal = Signal(torch.tensor([[-1.0, -0.99, 0.0, 0.99]]), torch.tensor([[0.0, 1e-3, 1e-3, 10.0]]))
    found = init._histograms("tanh", [signal] * 10)
    assert (found["forward"][0][0], found["forward"][0][-1], sum(found["forward"][0])) == (0.5, 0.25, 1)
    assert found["forward"][0][len(found["forward"][0]) // 2] == 0.25
    assert sorted(found["back"][3])[-2:] == pytest.approx([1 / 3, 2 / 3], abs=1e-4)  # of those that are not 0


def test_the_scale_of_the_weights_is_that_of_the_slider():
    overrides = ["model=mlp", "model.depth=1", "init=xavier_normal"]
    plain = initial(composed(overrides, QUICK), 0).network.layers[1].weight.detach()
    doubled = initial(composed([*overrides, "+init.weight_.gain=2.0"], QUICK), 0).network.layers[1].weight.detach()
    torch.testing.assert_close(doubled, 2 * plain)
    assert float(plain.std()) == pytest.approx(math.sqrt(2 / 884), rel=0.02)


def test_planted_runs_are_measured_and_shown_in_both_languages(monkeypatch):
    runs = [
        planted_run(weights, activation, depth, seed, 0.9)
        for weights in TRAINED for activation in ACTIVATIONS for depth in DEPTHS for seed in (0, 1)
    ]  # fmt: skip

    def planted_signals(_overrides, _name, budget, _images):
        generator = torch.Generator().manual_seed(0)
        outputs = [0.5**layer * torch.randn(50, 20, generator=generator).tanh() for layer in range(10)]
        return {seed: [Signal(each, each / 100) for each in outputs] for seed in budget.seeds}

    monkeypatch.setattr(Workspace, "runs", lambda _self, _sweep: runs)
    monkeypatch.setattr(init, "_signals", planted_signals)
    measured = STUDY.measure(Workspace(QUICK, Path("nowhere")))
    assert {claim.name: set(claim.conditions) for claim in CLAIMS} == {
        name: set(each) for name, each in measured.effects.items()
    }
    data = json.loads(json.dumps(measured.data, allow_nan=False))
    for language in ("en", "ko"):
        words = Words("init", language)
        shown = STUDY.show(data, words)
        assert shown.figures.keys() == words.texts["figures"].keys()
        assert shown.tables.keys() == words.texts["tables"].keys()
        assert shown.widgets.keys() == words.texts["widgets"].keys()
        assert words.texts["claims"].keys() == measured.effects.keys()
        assert {condition for claim in CLAIMS for condition in claim.conditions} <= words.texts["conditions"].keys()
        frames = shown.widgets["scale"]["frames"]
        assert frames[shown.widgets["scale"]["start"]]["label"] == "×1"
        assert len(inline_svg(frames[0]["figure"], "frame", "frame")) < 15_000


def test_the_sweep_has_the_configurations_that_are_read():
    text = (Path(__file__).parents[3] / "conf" / "sweep" / "lecture_init.yaml").read_text()
    assert f"init: {','.join(TRAINED)}\n" in text
    assert f"model.depth: {','.join(map(str, DEPTHS))}\n" in text
