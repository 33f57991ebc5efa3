"""A sweep's table, from hand-made results."""

import json
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.report import format_markdown, read_results, tabulate


def result(
    optimizer: str,
    seed: int,
    accuracy: float | None,
    status: str = "completed",
    lr: float = 0.1,
    *,
    typed: bool = False,
) -> dict:
    return {
        "status": status,
        "choices": {"optimizer": optimizer, "pool": "max"},
        "overrides": [f"optimizer={optimizer}", f"optimizer.lr={lr}"] if typed else [f"optimizer={optimizer}"],
        "params": {"seed": seed, "optimizer.lr": lr, "pool.kernel_size": 2},
        "metrics": {"test/acc": accuracy},
        "seconds": {"fit": 10.0 + seed},
    }


def test_runs_that_differ_in_their_seed_are_one_row_and_rows_are_in_the_order_of_their_names():
    results = [
        *(result("sgd", 0, 0.97), result("sgd", 1, 0.98)),
        *(result("adam", 0, 0.99), result("adam", 1, None, "diverged")),
        result("zeros", 0, None, "failed"),
    ]
    assert format_markdown(*tabulate(results)).splitlines() == [
        "| optimizer | test accuracy, mean | standard deviation | lowest to highest | runs | fit, s |",
        "| --- | --- | --- | --- | --- | --- |",
        "| adam | 99.00 % |  | 99.00 to 99.00 | 1, 1 not completed | 10 |",
        "| sgd | 97.50 % | 0.71 | 97.00 to 98.00 | 2 | 10 |",  # sqrt(0.5²+0.5²)
        "| zeros |  |  |  | 0, 1 not completed | 10 |",
    ]


def test_a_value_that_is_not_its_options_own_is_a_column():
    names, rows = tabulate([result("sgd", 0, 0.97, lr=0.1), result("sgd", 0, 0.98, lr=0.3)])
    assert (names, [row.values for row in rows]) == (["optimizer.lr"], [("0.1",), ("0.3",)])
    results = [result("sgd", 0, 0.97, lr=0.1), result("adam", 0, 0.98, lr=0.3)]
    assert tabulate(results)[0] == ["optimizer"]
    results = [result("sgd", 0, 0.97, lr=0.1, typed=True), result("adam", 0, 0.98, lr=0.3, typed=True)]
    assert tabulate(results)[0] == ["optimizer", "optimizer.lr"]


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="has no finished runs"):
        read_results(tmp_path)
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "result.json").write_text(json.dumps(result("sgd", 0, 0.9)))
    assert len(read_results(tmp_path)) == 1
