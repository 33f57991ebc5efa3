"""Shares of variance, heat maps and sensitivities, from hand-made runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnlab.report.configurations import group
from cnnlab.report.factors import heat_map, sensitivity, shares_of_variance
from cnnlab.report.runs import Run
from tests.report.results import result

MEANS = {("adam", "relu"): 0.95, ("adam", "tanh"): 0.93, ("sgd", "relu"): 0.91, ("sgd", "tanh"): 0.85}


def factorial(seeds: int = 2, without: tuple[str, str] | None = None) -> tuple[list[str], Any]:
    results = []
    for (optimizer, activation), mean in MEANS.items():
        if (optimizer, activation) != without:
            for seed in range(seeds):
                each = result(optimizer, seed, mean + 0.01 * (-1) ** seed)
                each["choices"]["activation"] = activation
                each["overrides"].append(f"activation={activation}")
                results.append(each)
    return group([Run(Path(f"run{number}"), each) for number, each in enumerate(results)])


def test_shares_of_variance_are_those_of_the_sums_of_squares_by_hand():
    names, configurations = factorial()
    found = shares_of_variance(names, configurations, "test/acc")
    # means: all 0.91; adam 0.94, sgd 0.88; relu 0.93, tanh 0.89; left over by both ±0.01; seeds ±0.01
    squares = {"optimizer": 0.03**2, "activation": 0.02**2, "optimizer × activation": 0.01**2, "seed and rest": 0.01**2}
    total = sum(squares.values())
    assert {each["name"] for each in found["factors"]} == squares.keys()
    for each in found["factors"]:
        assert each["share"] == pytest.approx(squares[each["name"]] / total)


def test_an_incomplete_design_has_no_shares_and_a_heat_map_with_a_gap():
    names, configurations = factorial(without=("sgd", "tanh"))
    assert shares_of_variance(names, configurations, "test/acc") is None
    found = heat_map(names, configurations, {"test": "test/acc"})
    assert (found["row_values"], found["column_values"]) == (["adam", "sgd"], ["relu", "tanh"])
    assert found["test"][0] == pytest.approx([0.95, 0.93])
    assert found["test"][1][1] is None


def test_one_varied_name_has_neither():
    names, configurations = group([Run(Path("a"), result("sgd", 0, 0.9)), Run(Path("b"), result("adam", 0, 0.9))])
    assert shares_of_variance(names, configurations, "test/acc") is None
    assert heat_map(names, configurations, {"test": "test/acc"}) is None
    assert sensitivity(names, configurations, "val/acc") is None


def test_the_sensitivity_to_the_learning_rate_has_a_line_for_each_optimiser():
    runs = [
        Run(Path(f"{optimizer}-{lr}-{seed}"), result(optimizer, seed, 0.9 + lr / 100 + seed / 1000, lr=lr, typed=True))
        for optimizer in ("adam", "sgd")
        for lr in (1.0, 0.1, 0.01)
        for seed in (0, 1)
    ]
    found = sensitivity(*group(runs), "val/acc")
    assert found["name"] == "optimizer.lr"
    assert [line["label"] for line in found["lines"]] == ["adam", "sgd"]
    assert found["lines"][0]["x"] == [0.01, 0.1, 1.0]
    assert found["lines"][0]["val"] == pytest.approx(np.array([0.8901, 0.891, 0.9]) + 0.0005)
