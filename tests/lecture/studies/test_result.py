from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.graphs import (
    Branching,
    Doubling,
    export,
    exported_operations,
    operations,
    parameters_of,
    recorded,
    refusal,
)
from cnnlab.lecture.judge import judge
from cnnlab.lecture.studies import result
from cnnlab.lecture.studies.result import CLAIMS, STUDY
from cnnlab.lecture.study import BUDGETS, Workspace
from cnnlab.lecture.texts import Words
from cnnlab.report.runs import Predictions, Run
from cnnlab.run.status import Status

NOISE = 0.0003 * np.array([-2, -1, 0, 1, 2, -2, -1, 0, 1, 2])
LABELS = np.arange(40) % 10


def planted_run(seed, accuracy):
    metrics = {"test/acc": accuracy}
    seconds = {"fit": 60.0}
    run = Run(Path("nowhere"), {"status": Status.COMPLETED, "params": {"seed": seed}, "metrics": metrics,
                                "seconds": seconds, "data": {"name": "mnist"}})  # fmt: skip
    run.__dict__["epochs"] = {"train/acc": [0.9, 0.97], "test/acc": [0.95, accuracy]}
    predicted = LABELS.copy()
    predicted[0] = 6
    predicted[seed % 3 + 1] = 7
    run.__dict__["predictions"] = lambda: Predictions(predicted, LABELS, np.full(40, 0.5))
    return run


@pytest.fixture(scope="module")
def graphs():
    return result._graphs()


@pytest.fixture
def measure(monkeypatch, graphs):
    """Measures planted runs of the given mean accuracy, by seed."""
    monkeypatch.setattr(result, "_graphs", lambda: graphs)

    def measure_planted(mean):
        def runs(workspace, sweep):
            return [planted_run(seed, mean + noise) for seed, noise in enumerate(NOISE)][::-1]

        monkeypatch.setattr(Workspace, "runs", runs)
        return STUDY.measure(Workspace(BUDGETS["default"], Path("nowhere")))

    return measure_planted


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [
        (0.9903, Verdict.SUPPORTED),
        (0.9902, Verdict.SUPPORTED),
        (0.985, Verdict.REFUTED),
        (0.994, Verdict.REFUTED),
        (0.9911, Verdict.UNDECIDED),
    ],
)
def test_planted_accuracies_give_each_verdict(measure, mean, verdict):
    judgements = judge(CLAIMS, measure(mean).effects, CLAIMS)
    assert judgements[0].verdict is verdict
    assert judgements[0].findings[0].num_seeds == 10
    assert {each.verdict for each in judgements[1:]} == {Verdict.SUPPORTED}


def test_mistakes_are_counted_over_seeds(measure):
    mistakes = measure(0.99).data["mistakes"]
    assert mistakes["contested"][0] | {"pixels": None} == {
        "index": 0, "label": 0, "predicted": 6, "num_wrong": 10, "pixels": None,
    }  # fmt: skip
    assert (mistakes["wrong_for_all"], mistakes["wrong_for_any"]) == (1, 4)
    assert np.sum(mistakes["confusion"]) == 400
    assert mistakes["confusion"][0][6] == 10


@pytest.mark.parametrize("language", ["en", "ko"])
def test_everything_shown_has_a_caption(measure, language):
    data = measure(0.99).data
    for each in data["mistakes"]["contested"]:
        each["pixels"] = [[0] * 28] * 28
    words = Words("result", language)
    shown = STUDY.show(data, words)
    assert set(shown.figures) == set(words.texts["figures"])
    assert set(shown.tables) == set(words.texts["tables"])
    assert {claim.name for claim in CLAIMS} == set(words.texts["claims"])
    assert {name for claim in CLAIMS for name in claim.conditions} <= set(words.texts["conditions"])


def test_autograd_records_what_ran():
    def names(network, value):
        return [node.name for node in operations(recorded(network(torch.full((2,), value, requires_grad=True))))]

    assert names(Branching(), 1.0) == ["ReluBackward0"]
    assert names(Branching(), -1.0) == ["TanhBackward0"]
    assert names(Doubling(), 0.2) == ["MulBackward0"] * 2  # the sum 0.4, 0.8, 1.6


def test_a_recorded_graph_is_ordered_and_names_its_parameters():
    network = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    nodes = recorded(network(torch.zeros(4, 3)), network)
    assert all(index < place for place, node in enumerate(nodes) for index in node.inputs)
    linear, relu = operations(nodes)
    assert (linear.name, relu.name) == ("AddmmBackward0", "ReluBackward0")
    assert sorted(parameters_of(linear, nodes)) == ["0.bias", "0.weight"]
    assert parameters_of(relu, nodes) == []


def test_without_gradients_nothing_is_recorded():
    with torch.no_grad():
        assert recorded(nn.Linear(3, 2)(torch.zeros(4, 3))) == []


def test_export_captures_or_says_why_not(capsys):
    program = export(nn.ReLU(), torch.zeros(2))
    assert exported_operations(program) == ["aten.relu.default"]
    assert refusal(program, torch.zeros(2)) is None
    assert "size()[0] == 2" in refusal(program, torch.zeros(3))
    message = export(Branching(), torch.ones(3))
    assert "data-dependent" in message
    assert "\n" not in message
    assert capsys.readouterr() == ("", "")


def test_the_lecture_s_network_has_twelve_operations_in_training_and_ten_in_evaluation(graphs):
    found, _ = graphs
    assert [len(found[name]) for name in ("training", "evaluation", "exported")] == [12, 10, 12]
    used = [name for node in found["training"] for name in node["parameters"]]
    assert len(used) == 8  # a weight and a bias of four layers
