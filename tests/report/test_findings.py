"""The sentences at the top of a report, from made-up runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnlab.report.content import Settings, build
from cnnlab.report.runs import read_runs
from cnnlab.report.sentences import Sentences
from tests.report.results import result, write


def report(folder: Path, means: dict[str, float | None], seeds: int = 6, **settings: Any) -> dict[str, Any]:
    """Of a sweep of optimisers; a mean of None has failed."""
    random = np.random.default_rng(0)
    for optimizer, mean in means.items():
        for seed in range(seeds):
            accuracy = None if mean is None else mean + 0.0005 * float(random.standard_normal())
            status = "failed" if mean is None else "completed"
            write(folder / f"{optimizer},{seed}", result(optimizer, seed, accuracy, status))
    return build(folder, *read_runs(folder), Settings(**settings))


def test_if_all_are_equivalent_the_headline_says_that_first(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "lion": 0.98, "sgd": 0.98}, margin=0.005)
    assert content["headline"][0] == "all 3 configurations are equivalent within 0.50 points, in all 3 comparisons"
    assert "are equivalent within 0.50 points" in content["headline"][1]
    assert not any("not told apart" in sentence for sentence in content["headline"])


def test_how_many_are_equivalent_stands_beside_what_differs(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "lion": 0.98, "sgd": 0.95}, margin=0.005)
    assert content["headline"][:2] == [
        "2 of 3 comparisons tell two configurations apart, with about 5\xa0% risk of any false verdict among them",
        "1 of 3 comparisons ends in equivalence within 0.50 points",
    ]
    without = report(tmp_path / "2", {"adam": 0.98, "lion": 0.98, "sgd": 0.95})
    assert not any("equivalence" in sentence for sentence in without["headline"])


def test_some_equivalences_and_nothing_that_differs(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "lion": 0.98, "sgd": 0.98}, margin=0.0008)
    verdicts = [each["verdict"] for each in content["comparisons"]]
    assert sorted(verdicts) == ["equivalent", "undecided", "undecided"]
    assert content["headline"][0].startswith("no two of the 3 configurations can be told apart")
    assert content["headline"][1] == "1 of 3 comparisons ends in equivalence within 0.08 points"
    assert "not told apart" in content["headline"][2]


def test_against_a_baseline_nothing_is_claimed_of_other_pairs(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "lion": 0.98, "sgd": 0.98}, baseline="sgd")
    assert content["headline"][0].startswith(
        "nothing can be told apart from sgd (2 comparisons); with 80\xa0% power, 6 "
    )
    assert not any("no two" in sentence for sentence in content["headline"])


def test_a_configuration_without_results_is_named_and_counted_nowhere(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "lion": 0.98, "muon": 0.98, "sgd": None})
    assert "not compared, with fewer than two results: sgd" in content["notes"]
    assert content["headline"][0].startswith("no two of the 3 configurations can be told apart; with 80\xa0% power, 6 ")
    assert any(note.startswith("6 seeds per configuration") for note in content["notes"])
    assert content["groups"] == [[0, 1, 2]], "what has no result is in no bracket"


def test_a_failed_and_a_completed_configuration_are_not_called_one_seed(tmp_path: Path):
    content = report(tmp_path, {"adam": 0.98, "sgd": None})
    assert content["comparisons"] == []
    assert not any("one seed" in note for note in content["notes"])
    assert "not compared, with fewer than two results: sgd" in content["notes"]
    assert content["headline"][0].startswith("adam: test accuracy 98.0")


def test_one_seed_more_of_one_configuration_makes_a_range(tmp_path: Path):
    report(tmp_path, {"adam": 0.98, "lion": 0.98, "sgd": 0.98}, seeds=4)
    write(tmp_path / "adam,4", result("adam", 4, 0.98))
    write(tmp_path / "lion,4", result("lion", 4, 0.98))
    content = build(tmp_path, *read_runs(tmp_path), Settings())
    assert any(note.startswith("4 to 5 seeds per configuration: ") for note in content["notes"])


@pytest.mark.parametrize(("num", "sentences"), [(3, 3), (9, 1)])
def test_many_means_over_survivors_are_one_sentence(tmp_path: Path, num: int, sentences: int):
    for index in range(num):
        for seed in range(3):
            write(tmp_path / f"{index},{seed}", result(f"opt{index}", seed, 0.9, "completed" if seed else "diverged"))
    notes = build(tmp_path, *read_runs(tmp_path), Settings())["notes"]
    assert sum("diverged or failed" in note for note in notes) == sentences
    if num == 9:
        assert "9 of 27 runs of 9 configurations diverged or failed (opt0, opt1, opt2, opt3 and 5 more)" in str(notes)


def test_runs_of_different_data_are_not_compared_in_silence(tmp_path: Path):
    for seed in range(3):
        for name in ("mnist", "fashion_mnist"):
            changes: dict[str, Any] = {"data": {"name": name, "sha256": {"images": name}}}
            run = result("adam", seed, 0.98 if name == "mnist" else 0.88 + seed / 100, **changes)
            write(tmp_path / f"{name},{seed}", run | {"choices": {"optimizer": "adam", "data": name}})
    content = build(tmp_path, *read_runs(tmp_path), Settings())
    assert {each["name"] for each in content["configurations"]} == {"mnist", "fashion_mnist"}
    assert (
        "runs were tested on different data (fashion_mnist, mnist): a difference between such runs is one of the data"
        in content["notes"]
    )
    (comparison,) = content["comparisons"]
    assert comparison["other_code"] == {}, "the names say it"


def test_runs_of_different_data_whose_names_do_not_say_so_are_marked(tmp_path: Path):
    for seed in range(3):
        write(tmp_path / f"adam,{seed}", result("adam", seed, 0.98 + seed / 1000, data={"name": "mnist"}))
        write(tmp_path / f"sgd,{seed}", result("sgd", seed, 0.88 + seed / 100, data={"name": "fashion_mnist"}))
    (comparison,) = build(tmp_path, *read_runs(tmp_path), Settings())["comparisons"]
    assert comparison["other_code"] == {"data": 3}
    assert comparison["sentence"].endswith("; 3 of 3 seeds differ in data as well, which may be the reason")


def test_seeds_that_change_nothing_are_named_and_no_difference_is_a_power_of_ten(tmp_path: Path):
    for seed in range(4):
        for optimizer in ("adam", "lion", "sgd"):
            write(tmp_path / f"{optimizer},{seed}", result(optimizer, seed, 0.98))
    content = build(tmp_path, *read_runs(tmp_path), Settings())
    assert (
        "every seed gives the same accuracy (adam, lion, sgd): such seeds say nothing about chance" in content["notes"]
    )
    texts = [*content["headline"], *content["notes"], *(each["sentence"] for each in content["comparisons"])]
    assert not any("e-" in text for text in texts)
    assert "[0.00, 0.00]" in content["headline"][1]


@pytest.mark.parametrize("status", ["diverged", "completed"])
def test_a_sweep_without_any_test_accuracy_says_that_nothing_is_compared(tmp_path: Path, status: str):
    for seed in range(3):
        run = result("adam", seed, None, status)
        write(tmp_path / str(seed), run | {"metrics": {"val/acc": 0.9}})
    content = build(tmp_path, *read_runs(tmp_path), Settings())
    assert "no run has a test accuracy, so nothing is compared" in content["notes"]


def test_a_single_common_seed_is_not_called_none(tmp_path: Path):
    for seed in range(3):
        write(tmp_path / f"adam,{seed}", result("adam", seed, 0.98 + seed / 1000))
        write(tmp_path / f"sgd,{seed}", result("sgd", seed + 2, 0.97 + seed / 1000))
    (comparison,) = build(tmp_path, *read_runs(tmp_path), Settings())["comparisons"]
    assert comparison["sentence"].endswith("(unpaired: fewer than two common seeds)")


def test_names_that_have_commas_are_told_apart_by_semicolons():
    sentences = Sentences("en")
    assert sentences.names(["adam", "sgd", "lion"], 2) == "adam, sgd and 1 more"
    assert sentences.names(["adam, lr=0.1", "sgd"], 2) == "adam, lr=0.1; sgd"
