"""The studies of pooling, fully connected layers and losses."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from cnnlab.lecture.claims import Claim, Expected, Verdict
from cnnlab.lecture.judge import judge
from cnnlab.lecture.make import measure
from cnnlab.lecture.store import load
from cnnlab.lecture.studies import fully_connected, loss, pool
from cnnlab.lecture.study import Budget
from cnnlab.lecture.texts import Words
from cnnlab.nn import CNN, MLP, LectureNet
from tests.conftest import MNIST, REPOSITORY

STUDIES = (pool.STUDY, fully_connected.STUDY, loss.STUDY)
NOISE = (-1e-5, 0.0, 2e-5, 1e-5, -2e-5)
SHIFTED = [0.98, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1]
PIXELS = [[0.0, 0.5], [1.0, 0.2]]


def of_each(names: Iterable[str], value: Any) -> dict[str, Any]:
    return {name: value for name in names}


PLANTED: dict[str, dict[str, Any]] = {
    "pool": {
        "shifts_px": list(range(7)),
        "rates": of_each(pool.POOLS, 0.03),
        "accuracy": of_each(pool.POOLS, [0.98, 0.97]),
        "moved": of_each(pool.POOLS, [SHIFTED, SHIFTED]),
        "change": of_each(pool.POOLS, [0.25, 0.27]),
        "maps": {"image": [PIXELS], **of_each(("before", *pool.POOLS), [PIXELS, PIXELS])},
    },
    "fully_connected": {
        "shifts_px": list(range(7)),
        "curves": of_each(fully_connected.NETWORKS, [SHIFTED, SHIFTED]),
        "accuracy": {order: of_each(fully_connected.NETWORKS, [0.98, 0.97]) for order in fully_connected.ORDERS},
        "num_parameters": of_each(fully_connected.NETWORKS, 21840),
        "sizes": {"lecture": {"28": "1×10", "32": None}},
        "digit": of_each(("0", "3", "6", "permuted"), [[0, 255], [9, 9]]),
    },
    "loss": {
        "rates": of_each(loss.LOSSES, 0.1),
        "fast_rates": of_each(loss.LOSSES, 0.3),
        "accuracy": of_each(loss.LOSSES, [0.98, 0.97]),
        "passes": {target: of_each(loss.LOSSES, [0.3, 0.4]) for target in ("90", "95")},
        "learning": of_each(
            ("one", "three"), of_each(loss.LOSSES, [{"passes": [0.1, 0.2], "accuracy": [0.5, 0.9]}] * 2)
        ),
        "relearning": {
            "rates": of_each(loss.LOSSES, 0.1),
            "steps": [0, 20],
            **of_each(loss.LOSSES, [[0.0, 0.9], [0.1, 0.8]]),
        },
        "curve": {"p": [0.0, 0.5, 1.0], **of_each(loss.LOSSES, [1.0, 0.5, 0.0])},
        "wrong": {"probability": [0.01, 0.4], **of_each(loss.LOSSES, [1.2, 0.8])},
        "num_wrong": of_each(loss.LOSSES, [30]),
    },
}
CLAIMS = [claim for study in STUDIES for claim in study.claims if isinstance(claim, Claim)]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_everything_shown_has_its_texts(study, language: str):
    words = Words(study.name, language)
    shown = study.show(PLANTED[study.name], words)
    texts = words.texts
    assert shown.figures.keys() == texts["figures"].keys()
    assert shown.tables.keys() == texts["tables"].keys()
    assert {claim.name for claim in study.claims} == texts["claims"].keys()
    assert {condition for claim in study.claims for condition in claim.conditions} == texts["conditions"].keys()
    for table in shown.tables.values():
        assert {len(row) for row in table.rows} == {len(table.head)}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_data_that_says_otherwise_flips_the_verdict(claim: Claim):
    sign = -1 if claim.expected is Expected.LESS else 1
    beyond = sign * (claim.margin + 0.5)

    def verdict(effect: float) -> Verdict:
        effects = {claim.name: {name: [effect + each for each in NOISE] for name in claim.conditions}}
        return judge([claim], effects, CLAIMS)[0].verdict

    if claim.expected is Expected.EQUAL:
        assert [verdict(0.0), verdict(beyond), verdict(-beyond)] == [Verdict.SUPPORTED, *[Verdict.REFUTED] * 2]
    else:
        found = [verdict(beyond), verdict(-beyond), verdict(0.0)]
        assert found == [Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NO_EFFECT]


def test_the_sizes_that_networks_take():
    assert fully_connected.image_sizes() == {
        "lecture": {"28": "1×10", "32": None},
        "mlp_27": {"28": "1×10", "32": None},
        "compact": {"28": "1×10", "32": "1×10"},
    }


def test_an_mlp_with_permuted_weights_learns_the_same_from_permuted_images():
    assert fully_connected.trains_alike(5)


def test_the_small_mlp_has_about_as_many_parameters_as_the_lecture_s_network():
    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    lecture = count(LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST))
    compact = count(CNN(nn.ReLU, lambda: nn.MaxPool2d(2), channels=(8, 16, 20, 28, 28, 32), **MNIST))
    small, large = (count(MLP(nn.ReLU, width=width, **MNIST)) for width in (27, 100))
    assert (lecture, compact, small, large) == (21_840, 24_858, 22_231, 89_610)


def test_passes_are_interpolated_and_a_run_that_never_arrives_counts_whole():
    run: Any = SimpleNamespace(
        epochs={"step": [100.0, 200.0, 300.0], "val/acc": [0.5, 0.9, 0.94]},
        params={"data.batch_size": 10},
        result={"data": {"train": 1000}},
    )
    assert loss.passes_to(run, 0.7) == pytest.approx(1.5)
    assert loss.passes_to(run, 0.25) == pytest.approx(0.5)
    assert loss.passes_to(run, 0.95) == pytest.approx(3.0)


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_it_measures_what_it_claims(study, tmp_path: Path):
    # relearning takes networks of trials
    tuning = ("tuning.num_trials=2", "tuning.seeds=[1000]") if study is loss.STUDY else ("sweep.tune=false",)
    budget = Budget("quick", (0, 1), ("seed=0,1", "data=mnist_5k", "trainer.max_epochs=1", *tuning))
    measure([study], budget, REPOSITORY / "train.py", tmp_path / "sweeps", tmp_path, print)
    stored = load(tmp_path, study)
    assert stored is not None
    assert all(len(judgement.findings) > 0 for judgement in judge(study.claims, stored["effects"], study.claims))
    for language in ("en", "ko"):
        assert study.show(stored["data"], Words(study.name, language)).figures
    assert len(json.dumps(stored)) < 100_000
