"""The content of a report, its tables and its sentences, from hand-made runs."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from cnnlab.errors import UserError
from cnnlab.report.content import Settings
from cnnlab.report.sentences import points
from cnnlab.report.tables import print_summary
from cnnlab.report.write import write_report
from tests.report.results import result, write

MEANS = {"adam": 0.98, "lion": 0.9799, "sgd": 0.95}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three optimisers, five seeds: two alike, one worse."""
    random = np.random.default_rng(0)
    for optimizer, mean in MEANS.items():
        for seed in range(5):
            accuracy = mean + 0.001 * float(random.standard_normal())
            path = tmp_path / "optimizers" / f"optimizer={optimizer},seed={seed}"
            folder = write(path, result(optimizer, seed, accuracy))
            (folder / "metrics.csv").write_text(
                f"epoch,val/acc,seconds\n1,{accuracy - 0.05},2.0\n2,{accuracy - 0.01},3.0\n"
            )
    return tmp_path / "optimizers"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def summary(content: dict[str, Any]) -> str:
    text = io.StringIO()
    print_summary(content, Console(file=text, width=200))
    return text.getvalue()


def test_the_files_hold_every_run_configuration_and_comparison(sweep: Path):
    content = write_report(sweep, Settings())
    report = sweep / "report"
    assert json.loads((report / "report.json").read_text()) == json.loads(json.dumps(content))
    assert [len(rows(report / f"{name}.csv")) for name in ("runs", "summary", "comparisons")] == [15, 3, 3]
    adam = next(row for row in rows(report / "summary.csv") if row["optimizer"] == "adam")
    accuracies = [float(row["test/acc"]) for row in rows(report / "runs.csv") if row["optimizer"] == "adam"]
    assert float(adam["test_mean"]) == pytest.approx(np.mean(accuracies))
    assert float(adam["test_deviation"]) == pytest.approx(np.std(accuracies, ddof=1))
    half = 2.776445 * np.std(accuracies, ddof=1) / 5**0.5  # t quantile of 4 degrees of freedom
    assert float(adam["test_high"]) - float(adam["test_mean"]) == pytest.approx(half, rel=1e-6)


def test_the_order_is_that_of_validation_and_the_test_set_decides_nothing(sweep: Path):
    for path in sweep.glob("optimizer=sgd,*/result.json"):
        content = json.loads(path.read_text())
        content["metrics"]["test/acc"] = 1.0  # the best on the test set
        path.write_text(json.dumps(content))
    content = write_report(sweep, Settings())
    assert content["configurations"][-1]["name"] == "sgd"
    assert [each["id"] for each in content["configurations"]] == [0, 1, 2]


def test_the_sentences_say_what_differs_and_what_cannot_be_told_apart(sweep: Path):
    content = write_report(sweep, Settings())
    verdicts = {(each["first"], each["second"]): each for each in content["comparisons"]}
    assert [verdicts[pair]["verdict"] for pair in ((0, 1), (0, 2), (1, 2))] == ["undecided", "better", "better"]
    assert content["groups"] == [[0, 1], [2]]
    assert content["headline"][0].startswith("2 of 3 comparisons tell two configurations apart")
    assert content["headline"][1] in {
        f"the first 2 in the order of validation accuracy cannot be told apart: {names}"
        for names in ("adam, lion", "lion, adam")
    }
    assert "beats sgd by 3.0" in content["headline"][2]
    assert "not told apart" in verdicts[0, 1]["sentence"]
    assert "would have been detected with 80\xa0% power" in verdicts[0, 1]["sentence"]
    assert any("compares defaults, not methods" in note for note in content["notes"])
    assert any("5 seeds per configuration" in note for note in content["notes"])
    text = summary(content)
    assert "in the order of validation accuracy" in text
    assert all(sentence in text for sentence in content["headline"])


def test_a_mean_over_survivors_is_marked_and_never_first(sweep: Path):
    for seed in range(4):
        path = sweep / f"optimizer=adam,seed={seed}" / "result.json"
        path.write_text(json.dumps(result("adam", seed, None, "diverged")))
    content = write_report(sweep, Settings())
    adam = content["configurations"][-1]
    assert (adam["name"], adam["n"], adam["num_diverged"], adam["survivors_only"]) == ("adam", 1, 4, True)
    assert "adam: 4 of 5 runs diverged or failed; its mean is that of the rest alone" in content["notes"]
    assert content["runs"]["diverged"] == 4
    assert "1 of 5" in summary(content)


def test_the_targets_are_the_users(sweep: Path):
    content = write_report(sweep, Settings(targets=(0.5, 0.9)))
    assert [each["accuracy"] for each in content["configurations"][0]["targets"]] == [0.5, 0.9]
    assert content["command"].endswith(" --targets 0.5,0.9")
    assert "--targets" not in write_report(sweep, Settings())["command"]


def test_a_baseline_is_compared_with_all_others_and_brackets_nothing(sweep: Path):
    content = write_report(sweep, Settings(baseline="sgd"))
    names = [each["name"] for each in content["configurations"]]
    assert {(names[each["first"]], names[each["second"]]) for each in content["comparisons"]} == {
        ("adam", "sgd"),
        ("lion", "sgd"),
    }
    assert content["groups"] == []
    with pytest.raises(UserError, match=r"baseline=rmsprop is not in the sweep; it must be one of .*, sgd"):
        write_report(sweep, Settings(baseline="rmsprop"))


def test_a_margin_makes_equals_equivalent(sweep: Path):
    content = write_report(sweep, Settings(margin=0.005))
    assert content["comparisons"][0]["verdict"] == "equivalent"
    assert "equivalent within 0.50 points" in content["comparisons"][0]["sentence"]


def test_curves_and_times_come_from_the_epochs(sweep: Path):
    content = write_report(sweep, Settings(targets=(0.95, 0.999)))
    curve = content["curves"][-1]
    assert (curve["split"], curve["epochs"], curve["seconds"]) == ("val", [1, 2], [2.0, 5.0])
    assert curve["low"][0] < curve["median"][0] < curve["high"][0]
    best, never = content["configurations"][0]["targets"]
    assert (best["epochs"], best["seconds"]) == ([2] * 5, [5.0] * 5)
    assert never["epochs"] == [None] * 5


def test_runs_of_other_versions_are_flagged(sweep: Path):
    for seed, version in ((0, "2.13.0"), (1, "2.14.1")):
        path = sweep / f"optimizer=adam,seed={seed}" / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"versions": {"torch": version}}))
    content = write_report(sweep, Settings())
    assert "runs differ in torch: 2.13.0 (1 run of adam, torch=2.13.0), 2.14.1 (1 run of adam, torch=2.14.1)" in str(
        content["notes"]
    )


def test_a_fallback_is_never_shown_as_the_data_that_it_replaced(sweep: Path):
    path = sweep / "optimizer=adam,seed=0" / "result.json"
    data = {"name": "mnist_5k", "instead_of": "mnist", "sha256": {}, "train": 4000, "val": 500, "test": 500}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": data}))
    content = write_report(sweep, Settings())
    assert "1 run used mnist_5k: the requested data was unavailable" in content["notes"]
    assert content["data"][0]["name"] == "mnist_5k"


def test_a_single_configuration_and_a_single_seed_have_no_comparison(tmp_path: Path):
    write(tmp_path / "one" / "seed=0", result("adam", 0, 0.98))
    content = write_report(tmp_path / "one", Settings())
    assert content["comparisons"] == []
    assert content["headline"] == ["all runs: test accuracy 98.00\xa0% [?, ?], n = 1"]
    assert any("one seed says nothing" in note for note in content["notes"])
    summary(content)


def test_a_sweep_in_which_everything_failed_has_a_report(tmp_path: Path):
    for seed in range(2):
        write(tmp_path / "bad" / f"seed={seed}", result("adam", seed, None, "failed"))
    content = write_report(tmp_path / "bad", Settings())
    assert content["runs"]["failed"] == 2
    assert content["configurations"][0]["test"] is None
    summary(content)


def test_a_report_may_be_in_korean(sweep: Path):
    content = write_report(sweep, Settings(language="ko"))
    assert "구별" in content["headline"][1]
    assert "검증 정확도 순" in summary(content)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0085, "0.85"), (0.0012345, "0.12"), (0.00012, "0.01"), (-0.000013, "0.00"), (-0.0012, "−0.12"), (0, "0.00")],
)
def test_points_have_two_decimals_and_a_true_minus(fraction: float, text: str):
    assert points(fraction) == text


def test_a_single_comparison_is_a_single_sentence(sweep: Path):
    for path in sweep.glob("optimizer=lion,*/result.json"):
        path.unlink()
    content = write_report(sweep, Settings())
    assert content["headline"] == [content["comparisons"][0]["sentence"]]
    assert content["headline"][0].startswith("adam beats sgd by ")
