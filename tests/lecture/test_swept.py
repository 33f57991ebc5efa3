"""The runs of a sweep as numbers."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from cnnlab.errors import UserError
from cnnlab.lecture.swept import by_configuration, difference, each_seed, learning_rate, mean


def planted(seed, pool="max", rate=0.1, depth=2.0):
    return SimpleNamespace(
        path=Path(f"sweep/{pool},{rate},{seed}"),
        seed=seed,
        choices={"pool": pool},
        params={"optimizer.lr": rate, "model.depth": depth},
    )


def test_configurations_are_named_by_axes_and_values_as_they_are_typed():
    found = by_configuration([planted(0), planted(1), planted(0, depth=20.0)], ("pool", "model.depth"))
    assert {names: sorted(runs) for names, runs in found.items()} == {("max", "2"): [0, 1], ("max", "20"): [0]}


def test_two_runs_of_one_seed_are_refused():
    runs = [planted(0), planted(0, rate=0.2)]
    with pytest.raises(UserError, match=r"sweep/max,0\.1,0 and sweep/max,0\.2,0 are both max with seed 0; remove one"):
        by_configuration(runs, ("pool",))


def test_a_configuration_without_runs_is_named():
    with pytest.raises(UserError, match="no completed run of avg; run the sweep again"):
        by_configuration([planted(0)], ("pool",))["avg",]


def test_a_configuration_has_one_learning_rate():
    assert learning_rate({0: planted(0), 1: planted(1)}) == 0.1
    with pytest.raises(UserError, match=r"learning rates \[0\.1, 0\.2\]"):
        learning_rate({0: planted(0), 1: planted(1, rate=0.2)})


def test_differences_are_of_the_seeds_that_both_have():
    assert difference({2: 5.0, 0: 1.0, 1: 2.0}, {1: 1.0, 2: 1.0, 3: 0.0}) == [1.0, 4.0]
    with pytest.raises(UserError, match=r"seeds \[0\] and \[0, 1\] make fewer than two pairs"):
        difference({0: 1.0}, {0: 1.0, 1: 1.0})


def test_values_are_in_the_order_of_the_seeds():
    values = each_seed({1: planted(1), 0: planted(0)}, lambda run: run.seed + 0.5)
    assert list(values.items()) == [(0, 0.5), (1, 1.5)]
    assert mean(values) == 1.0
