from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cnnlab.lecture import classical as methods
from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.classical import METHODS, Scored
from cnnlab.lecture.judge import judge
from cnnlab.lecture.studies import classical
from cnnlab.lecture.studies.classical import CLAIMS, NETWORKS, STUDY, SWEEPS
from cnnlab.lecture.study import BUDGETS, Workspace
from cnnlab.lecture.texts import Words
from cnnlab.report.runs import Run
from cnnlab.run.status import Status

NOISE = 0.0002 * np.array([-2, -1, 0, 1, 2])
OTHERS = {"tree": 0.7, "bayes": 0.8, "neighbours": 0.93, "svm": 0.95}
FLAT = {"softmax_regression": 0.9, "mlp": 0.94}


def planted_run(model, seed, accuracy):
    return Run(Path(f"{seed}"), {"status": Status.COMPLETED, "params": {"seed": seed}, "choices": {"model": model},
                                 "metrics": {"test/acc": accuracy}, "seconds": {"fit": 5.0, "test": 0.1}})  # fmt: skip


@pytest.fixture
def measure(monkeypatch):
    """Measures planted accuracies: those of the CNN with 500 and with 10,000 images."""

    def measure_planted(few, many):
        def runs(_workspace, sweep):
            accuracies = {**FLAT, "lecture": few if sweep == SWEEPS[500] else many}
            return [
                planted_run(model, seed, accuracies[model] + noise)
                for model in NETWORKS
                for seed, noise in enumerate(NOISE)
            ]

        def score(method, _data, seed):
            return Scored(OTHERS[method] - NOISE[seed], 0.5, 0.2)

        monkeypatch.setattr(Workspace, "runs", runs)
        monkeypatch.setattr(classical, "load_finished", lambda _: (None, None))
        monkeypatch.setattr(classical, "score", score)
        return STUDY.measure(Workspace(BUDGETS["default"], Path("nowhere")))

    return measure_planted


@pytest.mark.parametrize(
    ("few", "many", "verdicts"),
    [
        (0.97, 0.97, [Verdict.SUPPORTED, Verdict.SUPPORTED]),
        (0.6, 0.97, [Verdict.SUPPORTED, Verdict.REFUTED]),
        (0.97, 0.6, [Verdict.REFUTED, Verdict.SUPPORTED]),
        (0.92, 0.95, [Verdict.DEPENDS, Verdict.DEPENDS]),  # few: below neighbours and SVM; many: equal to the SVM
    ],
)
def test_planted_accuracies_give_each_verdict(measure, few, many, verdicts):
    judgements = judge(CLAIMS, measure(few, many).effects, CLAIMS)
    assert [each.verdict for each in judgements] == [*verdicts, Verdict.SUPPORTED]


def test_seeds_are_paired(measure):
    effects = measure(0.97, 0.97).effects
    assert effects["features_many"]["softmax_regression"] == pytest.approx([0.07] * 5)  # the seed's noise is gone
    assert effects["features_many"]["svm"] == pytest.approx(0.02 + 2 * NOISE)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_everything_shown_has_a_caption(measure, language):
    words = Words("classical", language)
    shown = STUDY.show(measure(0.9, 0.97).data, words)
    assert set(shown.figures) == set(words.texts["figures"])
    assert set(shown.tables) == set(words.texts["tables"])
    assert {claim.name for claim in CLAIMS} == set(words.texts["claims"])
    assert {name for claim in CLAIMS for name in claim.conditions} <= set(words.texts["conditions"])
    assert [row[-2:] for row in shown.tables["methods"].rows][:1] == [["0.50", "0.20"]]


def ten_kinds(num, seed):
    """Images of ten kinds, each with another bright row, and noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num) % 10
    images = torch.randn(num, 1, 10, 10, generator=generator) * 0.3 - 0.4
    images[torch.arange(num), 0, labels] += 3
    return images, labels


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_what_is_easy(method):
    parts = {"train": ten_kinds(200, 0), "test": ten_kinds(100, 1)}
    data = SimpleNamespace(part=parts.get, effective=SimpleNamespace(mean=0.13, std=0.31))
    found = methods.score(method, data, seed=0)
    assert found.accuracy > 0.9
    assert min(found.fit_s, found.predict_s) > 0


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="forest is not allowed"):
        methods.make("forest", np.zeros((1, 1), np.float32), 0.0, 0)


@pytest.mark.parametrize(("num", "num_steps"), [(500, 800), (2000, 800), (10000, 1570)])
def test_the_sweeps_train_on_so_many_images_of_the_seed_s_choice_for_so_many_steps(compose_run, num, num_steps):
    config = compose_run(f"sweep={SWEEPS[num]}", "seed=3")
    assert config.data.num_train - config.data.num_val == num
    assert config.data.split_seed == 3
    assert config.trainer.max_epochs * -(-num // config.data.batch_size) == num_steps
