import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.lecture import activation_functions
from cnnlab.lecture.activation_functions import costs, curve
from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.judge import judge
from cnnlab.lecture.networks import composed, deviation, initial, initial_signals, probe_images
from cnnlab.lecture.studies import activation
from cnnlab.lecture.studies.activation import ACTIVATIONS, CLAIMS, DEPTHS, STUDY, Diagnosis, effects_of
from cnnlab.lecture.studies.activation_figures import power_of_ten
from cnnlab.lecture.study import QUICK, Workspace
from cnnlab.lecture.texts import Words
from cnnlab.observe.diagnostics import COLUMNS
from cnnlab.observe.probe import probe
from cnnlab.report.runs import Run
from cnnlab.run.status import Status

NOISE = {name: np.roll(1e-4 * np.array([-2, -1, 0, 1, 2]), place) for place, name in enumerate(ACTIVATIONS)}  # of seeds
QUIET = {
    "saturated_fraction": 0.0,
    "dead_fraction": 0.0,
    "per_example": 0.5,
    "per_batch": 0.5,
    "cosine": 0.0,
    "acc": 0.9,
}


def planted_run(folder, name, depth, seed, facts):
    """A run of three hidden layers with diagnostics of two steps, the last of which counts, but for the cosine."""
    noise = NOISE[name][seed]
    rows = [(0, "layers.2", "saturated_fraction", 0.9), (60, "network", "update_cosine", facts["cosine"] + noise - 0.1),
            (120, "network", "update_cosine", facts["cosine"] + noise + 0.1)]  # fmt: skip
    for layer in range(3):
        rows += [
            (120, f"layers.{layer}", each, facts[each] + noise) for each in ("saturated_fraction", "dead_fraction")
        ]
        rows.append((120, f"layers.{layer}", "backward_std", 10.0**-layer))
        for quantity, key in (("sign_agreement_per_example", "per_example"), ("sign_agreement", "per_batch")):
            rows.append((120, f"layers.{layer}.weight", quantity, facts[key] + noise if layer else 0.0))
    folder.mkdir()
    lines = [",".join(COLUMNS), *(f"{step},0,{layer},{quantity},{value:.6g}" for step, layer, quantity, value in rows)]
    (folder / "diagnostics.csv").write_text("\n".join(lines) + "\n")
    params = {"seed": seed, "model.depth": depth, "optimizer.lr": 0.1}
    result = {"status": Status.COMPLETED, "params": params, "choices": {"activation": name, "init": "he_normal"}}
    return Run(folder, {**result, "metrics": {"test/acc": facts["acc"] + noise}})


@pytest.fixture
def effects(tmp_path):
    """The effects of planted runs: each activation's facts where they are not quiet, and log10 of first over last."""

    def effects_of_planted(facts=None, ratios=None):
        runs = {
            (name, depth): {
                seed: planted_run(
                    tmp_path / f"{name}{depth}-{seed}", name, depth, seed, {**QUIET, **(facts or {}).get(name, {})}
                )
                for seed in range(5)
            }
            for name in ACTIVATIONS
            for depth in DEPTHS
        }
        diagnoses = {key: {seed: Diagnosis(run) for seed, run in each.items()} for key, each in runs.items()}
        return effects_of(runs, diagnoses, planted_profiles(ratios or {}))

    return effects_of_planted


def planted_profiles(ratios):
    """Profiles of three layers whose first is 10^ratio of the last."""
    return {
        place: {
            name: {
                depth: {seed: [-3 + ratios.get(name, 0) + noise, -3.0, -3.0] for seed, noise in enumerate(NOISE[name])}
                for depth in DEPTHS
            }
            for name in ACTIVATIONS[:3]
        }
        for place in ("torch_start", "xavier_start", "he_start", "he_trained")
    }


def verdict(name, effects):
    return {each.claim.name: each.verdict for each in judge(CLAIMS, effects, CLAIMS)}[name]


@pytest.mark.parametrize(
    ("claim", "ratios", "expected"),
    [
        ("sigmoid_vanishes", {"sigmoid": -3}, Verdict.SUPPORTED),
        ("sigmoid_vanishes", {"sigmoid": -0.5}, Verdict.NO_EFFECT),
        ("sigmoid_vanishes", {"sigmoid": 3}, Verdict.REFUTED),
        ("tanh_vanishes", {"tanh": -1.1}, Verdict.SUPPORTED),
        ("tanh_vanishes", {"tanh": -0.9}, Verdict.NO_EFFECT),
        ("relu_vanishes_less", {"relu": 2}, Verdict.SUPPORTED),
        ("relu_vanishes_less", {"relu": -2}, Verdict.REFUTED),
        ("relu_vanishes_less", {}, Verdict.NO_EFFECT),
        ("relu_vanishes_less", {"sigmoid": -2}, Verdict.DEPENDS),
    ],
)
def test_planted_gradients_give_each_verdict(effects, claim, ratios, expected):
    assert verdict(claim, effects(ratios=ratios)) is expected


@pytest.mark.parametrize(
    ("claim", "facts", "expected"),
    [
        ("sigmoid_saturates", {"sigmoid": {"saturated_fraction": 0.3}}, Verdict.SUPPORTED),
        ("sigmoid_saturates", {"sigmoid": {"saturated_fraction": 0.05}}, Verdict.NO_EFFECT),
        ("tanh_saturates", {"tanh": {"saturated_fraction": 0.3}}, Verdict.SUPPORTED),
        ("relu_units_die", {"relu": {"dead_fraction": 0.2}}, Verdict.SUPPORTED),
        ("relu_units_die", {"leaky_relu": {"dead_fraction": 0.2}}, Verdict.REFUTED),
        ("sigmoid_one_sign", {"sigmoid": {"per_example": 1, "per_batch": 0.8}}, Verdict.SUPPORTED),
        ("sigmoid_one_sign", {"sigmoid": {"per_example": 1}}, Verdict.DEPENDS),
        ("relu_one_sign", {"tanh": {"per_example": 1, "per_batch": 0.8}}, Verdict.REFUTED),
        ("sigmoid_zigzags", {"sigmoid": {"cosine": -0.4}}, Verdict.SUPPORTED),
        ("sigmoid_zigzags", {"sigmoid": {"cosine": 0.4}}, Verdict.REFUTED),
        ("relu_learns_faster", {"relu": {"acc": 0.95}}, Verdict.SUPPORTED),
        ("relu_learns_faster", {"relu": {"acc": 0.85}}, Verdict.REFUTED),
        ("relu_learns_faster", {"tanh": {"acc": 0.95}, "sigmoid": {"acc": 0.8}}, Verdict.DEPENDS),
    ],
)
def test_planted_runs_give_each_verdict(effects, claim, facts, expected):
    assert verdict(claim, effects(facts)) is expected


def test_effects_are_those_computed_by_hand(effects):
    found = effects(
        {"sigmoid": {"per_example": 1.0, "cosine": -0.4, "acc": 0.5}, "relu": {"dead_fraction": 0.25}}, {"sigmoid": -2}
    )
    assert found["sigmoid_vanishes"]["torch_start"] == pytest.approx(-2 + NOISE["sigmoid"])
    assert found["relu_vanishes_less"]["sigmoid_he"] == pytest.approx([2] * 5, abs=1e-3)
    assert found["sigmoid_one_sign"]["per_example"] == pytest.approx([0.5] * 5, abs=1e-3)  # 1 against 0.5
    assert found["sigmoid_zigzags"]["depth_5"] == pytest.approx([-0.4] * 5, abs=1e-3)
    assert found["relu_units_die"]["depth_20"] == pytest.approx([0.25] * 5, abs=1e-3)
    assert found["relu_learns_faster"]["sigmoid_10"] == pytest.approx([0.4] * 5, abs=1e-3)
    assert found["tanh_saturates"]["depth_2"] == pytest.approx(NOISE["tanh"])  # of the last step, not of step 0


def test_a_trained_gradient_is_relative_to_the_last_layer_s(tmp_path):
    diagnosis = Diagnosis(planted_run(tmp_path / "run", "tanh", 3, 2, QUIET))
    assert diagnosis.gradients() == pytest.approx([0, -1, -2])
    assert activation._ratios({0: diagnosis.gradients()}) == pytest.approx({0: 2})


def test_planted_runs_are_measured_and_shown_in_both_languages(tmp_path, monkeypatch):
    runs = [
        planted_run(tmp_path / f"{name}{depth}-{seed}", name, depth, seed, QUIET)
        for name in ACTIVATIONS for depth in DEPTHS for seed in (0, 1)
    ]  # fmt: skip
    monkeypatch.setattr(Workspace, "runs", lambda _self, _sweep: runs)
    monkeypatch.setattr(activation, "_at_start", lambda _budget: planted_profiles({"sigmoid": -4}))
    monkeypatch.setattr(activation_functions, "REPETITIONS", 1)
    measured = STUDY.measure(Workspace(QUICK, tmp_path))
    assert {claim.name: set(claim.conditions) for claim in CLAIMS} == {
        name: set(each) for name, each in measured.effects.items()
    }
    data = json.loads(json.dumps(measured.data, allow_nan=False))
    for language in ("en", "ko"):
        words = Words("activation", language)
        shown = STUDY.show(data, words)
        assert shown.figures.keys() == words.texts["figures"].keys()
        assert shown.tables.keys() == words.texts["tables"].keys()
        assert words.texts["claims"].keys() == measured.effects.keys()
        assert {condition for claim in CLAIMS for condition in claim.conditions} <= words.texts["conditions"].keys()
        assert shown.tables["dead"].rows[0] == ["ReLU", *["0.0 %"] * 4]


def test_signals_are_what_the_probe_measures():
    budget = QUICK
    config = composed(["model=mlp", "model.depth=3", "activation=tanh"], budget)
    images = probe_images(config)
    classifier = initial(config, seed=1)
    readings = {(each.layer, each.quantity): each.value for each in probe(classifier.network, classifier.loss, *images)}
    for number, signal in enumerate(initial_signals(config, 1, images)):
        layer = f"layers.{2 * number + 2}"
        assert deviation(signal.outputs) == pytest.approx(readings[layer, "post_std"], rel=1e-5)
        assert deviation(signal.gradient) == pytest.approx(readings[layer, "backward_std"], rel=1e-5)


def test_curves_are_the_functions_and_their_derivatives():
    found = curve(torch.nn.Sigmoid())
    middle = found["x"].index(0.0)
    assert (found["y"][middle], found["slope"][middle]) == (0.5, 0.25)
    relu = curve(torch.nn.ReLU())
    assert (relu["y"][0], relu["slope"][0], relu["y"][-1], relu["slope"][-1]) == (0, 0, 4, 1)


def test_costs_are_relative_to_relu(monkeypatch):
    monkeypatch.setattr(activation_functions, "REPETITIONS", 2)
    configs = {name: composed([f"activation={name}"], QUICK) for name in ("relu", "tanh")}
    found = costs(configs, (torch.zeros(64, 1, 28, 28), torch.zeros(64, dtype=torch.long)))
    assert found["relu"]["network_ratio"] == found["relu"]["alone_ratio"] == 1
    assert all(value > 0 for each in found.values() for value in each.values())


def test_powers_of_ten_are_readable():
    assert [power_of_ten(each) for each in (0, -3, 12)] == ["1", "10⁻³", "10¹²"]


def test_the_sweep_has_the_configurations_that_are_read():
    text = (Path(__file__).parents[3] / "conf" / "sweep" / "lecture_activation.yaml").read_text()
    assert f"activation: {','.join(ACTIVATIONS)}\n" in text
    assert f"model.depth: {','.join(map(str, DEPTHS))}\n" in text
