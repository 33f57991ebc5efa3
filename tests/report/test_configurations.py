"""What runs are one configuration, and what the user calls it."""

from pathlib import Path
from typing import Any

from cnnlab.report.configurations import group
from cnnlab.report.runs import Run
from tests.report.results import result


def grouped(*results: dict[str, Any]) -> tuple[list[str], list[tuple[str, int]]]:
    """The varied names, and each configuration's name and number of runs."""
    names, configurations = group([Run(Path(f"run{number}"), each) for number, each in enumerate(results)])
    return names, [(each.name, len(each.runs)) for each in configurations]


def test_runs_that_differ_in_their_seed_are_one_and_options_are_in_order():
    results = [result("sgd", 0, 0.97), result("sgd", 1, 0.98), result("adam", 0, 0.9), result("adam", 1, 0, "diverged")]
    assert grouped(*results) == (["optimizer"], [("adam", 2), ("sgd", 2)])


def test_numbers_are_in_the_order_of_their_values_and_have_a_name():
    results = [result("sgd", 0, 0.9, lr=lr, typed=True) for lr in (10, 0.1, 1e-5, 2)]
    names, found = grouped(*results)
    assert names == ["optimizer.lr"]
    assert [name for name, _ in found] == ["lr=1e-05", "lr=0.1", "lr=2", "lr=10"]


def test_a_value_that_its_option_has_of_its_own_is_told_by_the_option():
    assert grouped(result("sgd", 0, 0.9, lr=0.1), result("adam", 0, 0.9, lr=0.3))[0] == ["optimizer"]


def test_a_value_that_differs_within_an_option_is_told():
    results = [result("sgd", 0, 0.9, lr=0.1), result("sgd", 0, 0.9, lr=0.3), result("adam", 0, 0.9, lr=0.3)]
    names, found = grouped(*results)
    assert names == ["optimizer", "optimizer.lr"]
    assert [name for name, _ in found] == ["adam, lr=0.3", "sgd, lr=0.1", "sgd, lr=0.3"]


def test_what_was_typed_is_told_although_the_option_tells_it_apart():
    results = [result("sgd", 0, 0.9, lr=0.1, typed=True), result("adam", 0, 0.9, lr=0.3, typed=True)]
    assert grouped(*results)[0] == ["optimizer", "optimizer.lr"]


def test_how_a_run_was_resumed_and_shown_splits_nothing():
    resumed = result("sgd", 1, 0.9)
    resumed["overrides"] += ["resume=outputs/runs/x", "console=none"]
    resumed["params"] |= {"resume": "outputs/runs/x", "console": "none", "logger": "[]", "trainer.fast": False}
    assert grouped(result("sgd", 0, 0.9), resumed) == ([], [("all runs", 2)])


def test_a_value_that_another_run_lacks_merges_nothing():
    longer = result("sgd", 0, 0.5)
    longer["params"]["trainer.gradient_clip_val"] = 1.0
    for results in ([result("sgd", 0, 0.9), longer], [longer, result("sgd", 0, 0.9)]):
        names, found = grouped(*results)
        assert names == ["trainer.gradient_clip_val"]
        assert len(found) == 2


def test_runs_on_other_files_of_the_data_are_another_configuration():
    files = [{"name": "mnist", "sha256": {"images": digest * 64}} for digest in "ab"]
    names, found = grouped(*(result("sgd", 0, 0.9, data=data) for data in files))
    assert names == ["data files"]
    assert len(found) == 2


def test_of_a_seed_that_ran_twice_one_counts():
    assert grouped(result("sgd", 0, 0.9), result("sgd", 0, 0.8)) == ([], [("all runs", 1)])


def test_an_axis_that_the_model_does_not_use_splits_nothing():
    results = [result("sgd", seed, 0.9) for seed in (0, 1)]
    for number, each in enumerate(results):
        each["choices"] |= {"activation": "none"}
        each["params"] |= {"activation._target_": f"torch.nn.Activation{number}"}
    assert grouped(*results) == ([], [("all runs", 2)])


def test_foreign_values_do_no_harm():
    foreign = result("sgd", 0, 0.9, choices={"optimizer": ["a"], "pool": None}, overrides=[1, None, "=", "x="])
    assert len(grouped(result("sgd", 0, 0.9), foreign)[1]) == 2
