"""A sweep's table, from hand-made results."""

import json
import os
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
        "data": {},
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


def write(folder: Path, content: bytes | str) -> None:
    folder.mkdir()
    (folder / "result.json").write_bytes(content if isinstance(content, bytes) else content.encode())


def test_the_newest_run_of_a_job_counts_and_the_others_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, accuracy in (("seed=1", 0.5), ("seed=1~2", 0.6), ("seed=1~10", 0.7), ("seed=2", 0.9), ("x~y", 0.8)):
        write(tmp_path / name, json.dumps(result("sgd", 0, accuracy)))
    assert sorted(run["metrics"]["test/acc"] for run in read_results(tmp_path)) == [0.7, 0.8, 0.9]
    assert capsys.readouterr().err == "2 runs are left out: the last command gave their jobs another config\n"


def test_what_is_being_removed_is_no_run(tmp_path: Path):
    write(tmp_path / "seed=1", json.dumps(result("sgd", 0, 0.5)))
    write(tmp_path / ".removed-1", json.dumps(result("sgd", 0, 0.6)))
    assert len(read_results(tmp_path)) == 1


def test_a_result_that_no_run_wrote_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "seed=1", json.dumps(result("sgd", 0, 0.5) | {"more": 1}))
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "result.json")
    (tmp_path / "folder" / "result.json").mkdir(parents=True)
    foreign = ["", b"\xff", "[]", '{"status": "completed"}', json.dumps(result("sgd", 1, 0.5) | {"params": []})]
    foreign += [json.dumps(result("sgd", 2, 0.5) | {"metrics": {"test/acc": "0.9"}}), "[" * 5000]
    foreign += [json.dumps(result("sgd", 2, accuracy)) for accuracy in (float("nan"), float("-inf"), 10**400)]
    for number, content in enumerate(foreign):
        write(tmp_path / f"foreign-{number}", content)
    assert len(read_results(tmp_path)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 + len(foreign)
    assert all("result.json is left out: " in line for line in lines)


def test_a_result_of_another_version_may_lack_a_metric(tmp_path: Path):
    write(tmp_path / "seed=1", json.dumps(result("sgd", 0, 0.5) | {"metrics": {}, "seconds": {}, "choices": {}}))
    write(tmp_path / "seed=2", json.dumps(result("sgd", 1, 0.5)))
    assert format_markdown(*tabulate(read_results(tmp_path))).count("not completed") == 1


def test_a_run_that_does_not_say_what_it_was_merges_no_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "a", json.dumps(result("sgd", 0, None, "failed") | {"choices": {}, "params": {}}))
    write(tmp_path / "b", json.dumps(result("sgd", 0, 0.5)))
    write(tmp_path / "c", json.dumps(result("adam", 0, 0.9)))
    assert [row.accuracies for row in tabulate(read_results(tmp_path))[1]] == [[0.9], [0.5]]
    assert capsys.readouterr().err.endswith("result.json is left out: it does not say what was run (failed)\n")


def test_a_value_that_the_first_run_lacks_is_a_column():
    typed = result("sgd", 0, 0.5)
    typed["params"]["trainer.gradient_clip_val"] = 1.0
    assert tabulate([result("sgd", 0, 0.9), typed])[0] == tabulate([typed, result("sgd", 0, 0.9)])[0] != []
