"""What predictions for single images tell, from made-up runs."""

from pathlib import Path

import numpy as np
import pytest

from cnnlab.report.comparisons import compare
from cnnlab.report.configurations import Configuration, group
from cnnlab.report.predictions import Answers, most_contested
from cnnlab.report.runs import read_runs
from tests.report.results import result, write

NUM = 400


def save(folder: Path, correct: np.ndarray, label: np.ndarray) -> None:
    predicted = np.where(correct, label, (label + 1) % 10).astype(np.uint8)
    np.savez_compressed(folder / "predictions.npz", predicted=predicted, label=label, probability=correct * 1.0)


@pytest.fixture
def configurations(tmp_path: Path) -> list[Configuration]:
    """Two optimisers, three seeds; image 7 is right in half of the runs, classes 0 and 1 differ."""
    random, label = np.random.default_rng(0), np.arange(NUM, dtype=np.uint8) % 10
    for optimizer, share in (("adam", 0.95), ("sgd", 0.9)):
        for seed in range(3):
            correct = random.random(NUM) < share
            correct[7] = (seed == 0) == (optimizer == "adam")
            run = result(optimizer, seed, float(correct.mean()))
            save(write(tmp_path / f"{optimizer},{seed}", run), correct, label)
    return group(read_runs(tmp_path)[0])[1]


def test_the_correct_answers_are_the_accuracies(configurations: list[Configuration]):
    answers = Answers.of(configurations)
    assert answers is not None
    for configuration, runs in zip(configurations, answers.correct, strict=True):
        accuracies = {seed: float(correct.mean()) for seed, correct in runs.items()}
        assert accuracies == pytest.approx(configuration.measured("test/acc"))


def test_intervals_for_new_images_hold_the_difference(configurations: list[Configuration]):
    answers = Answers.of(configurations)
    assert answers is not None
    (comparison,) = compare([each.measured("test/acc") for each in configurations], [(0, 1)])
    for ends in answers.intervals(comparison).values():
        assert ends is not None
        assert ends["low"] < comparison.difference < ends["high"]


def test_no_interval_for_new_seeds_is_wider_than_that_for_new_images_too(configurations: list[Configuration]):
    answers = Answers.of(configurations)
    assert answers is not None
    (comparison,) = compare([each.measured("test/acc") for each in configurations], [(0, 1)])
    ends = answers.intervals(comparison)
    assert ends["images"] is not None
    assert ends["images_and_seeds"] is not None
    low, high = ends["images_and_seeds"]["low"], ends["images_and_seeds"]["high"]
    assert low < min(comparison.low, ends["images"]["low"])
    assert high > max(comparison.high, ends["images"]["high"])


def test_a_single_test_image_has_no_interval(configurations: list[Configuration]):
    for configuration in configurations:
        for run in configuration.runs:
            save(run.path, np.ones(1, bool), np.zeros(1, np.uint8))
    answers = Answers.of(configurations)
    assert answers is not None
    (comparison,) = compare([each.measured("test/acc") for each in configurations], [(0, 1)])
    assert answers.intervals(comparison) == {"images": None, "images_and_seeds": None}


def test_the_predicted_deviation_is_that_of_independent_errors(configurations: list[Configuration]):
    answers = Answers.of(configurations)
    assert answers is not None
    share = np.mean(list(answers.correct[0].values()), axis=0)
    expected = np.sqrt((share * (1 - share)).sum() * 3 / 2) / NUM  # 3/2: of three runs
    assert answers.predicted_deviation(0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("num_right", "num_runs", "found", "num_contested", "num_as_contested"),
    [
        ([3, 0, 2, 1, 3], 3, [2, 3], 2, 2),
        ([3, 0, 3], 3, [], 0, 0),
        ([4] * 5 + [1, 9] * 10, 10, [0, 1, 2, 3, 4, *range(5, 12)], 25, 25),
        ([5] * 20 + [1] * 5, 10, [*range(12)], 25, 20),
        ([4, 6] * 6 + [1] * 5, 10, [*range(12)], 17, 12),
    ],
)
def test_how_many_images_are_as_contested_as_the_last_of_those_shown(
    num_right: list[int], num_runs: int, found: list[int], num_contested: int, num_as_contested: int
):
    assert most_contested(np.array(num_right), num_runs) == (found, num_contested, num_as_contested)


def test_the_most_contested_image_comes_first_and_classes_have_their_accuracy(configurations: list[Configuration]):
    answers = Answers.of(configurations)
    assert answers is not None
    found = answers.disagreement()
    assert found is not None
    first = found["contested"][0]
    assert first["share_correct"] == 0.5
    assert len(found["contested"]) <= 12
    assert 7 in {each["index"] for each in found["contested"]}
    assert found["num_as_contested"] >= len(found["contested"])
    label, correct = answers.label, np.mean(list(answers.correct[1].values()), axis=0)
    assert found["per_class"][1]["accuracy"] == pytest.approx([correct[label == digit].mean() for digit in range(10)])


def test_images_that_tie_with_the_contested_ones_are_counted(configurations: list[Configuration]):
    halves = np.array([image < 20 for image in range(NUM)])  # of which one run in two is right
    for number, configuration in enumerate(configurations):
        for run in configuration.runs:
            save(run.path, halves == bool(number), np.zeros(NUM, dtype=np.uint8))
    answers = Answers.of(configurations)
    assert answers is not None
    found = answers.disagreement()
    assert found is not None
    assert (len(found["contested"]), found["num_as_contested"], found["num_contested"]) == (12, NUM, NUM)


def test_runs_that_saw_other_images_are_not_mixed(configurations: list[Configuration]):
    save(configurations[0].runs[0].path, np.ones(NUM, dtype=bool), np.zeros(NUM, dtype=np.uint8))
    assert Answers.of(configurations) is None


def test_a_run_without_predictions_only_lacks_its_intervals(configurations: list[Configuration]):
    (configurations[0].runs[0].path / "predictions.npz").unlink()
    answers = Answers.of(configurations)
    assert answers is not None
    (comparison,) = compare([each.measured("test/acc") for each in configurations], [(0, 1)])
    assert answers.intervals(comparison) == {"images": None, "images_and_seeds": None}
    assert answers.predicted_deviation(0) is not None
