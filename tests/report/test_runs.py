"""A sweep's runs, from hand-made results."""

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest

from cnnlab.errors import UserError
from cnnlab.report.runs import LeftOut, Run, read_runs
from tests.report.results import result, write


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="has no finished runs; give a sweep's folder"):
        read_runs(tmp_path)
    write(tmp_path / "job", result("sgd", 0, 0.9))
    assert len(read_runs(tmp_path)[0]) == 1


def test_the_newest_run_of_a_job_counts_and_the_others_are_named(tmp_path: Path):
    for name, accuracy in (("seed=1", 0.5), ("seed=1~2", 0.6), ("seed=1~10", 0.7), ("seed=2", 0.9), ("x~y", 0.8)):
        write(tmp_path / name, result("sgd", 0, accuracy))
    runs, left_out = read_runs(tmp_path)
    assert sorted(run.metric("test/acc") or 0 for run in runs) == [0.7, 0.8, 0.9]
    reason = "the last command gave its job another config"
    assert left_out == [LeftOut(tmp_path / name, reason) for name in ("seed=1", "seed=1~2")]


def test_what_is_being_removed_is_no_run(tmp_path: Path):
    write(tmp_path / "seed=1", result("sgd", 0, 0.5))
    write(tmp_path / ".removed-1", result("sgd", 0, 0.6))
    assert len(read_runs(tmp_path)[0]) == 1


def test_a_result_that_no_run_wrote_is_named_and_left_out(tmp_path: Path):
    write(tmp_path / "seed=1", result("sgd", 0, 0.5, more=1))
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo" / "result.json")
    (tmp_path / "folder" / "result.json").mkdir(parents=True)
    foreign = ["", b"\xff", "[]", {"status": "completed"}, result("sgd", 1, 0.5, params=[]), "[" * 5000]
    foreign += [result("sgd", 2, 0.5, metrics={"test/acc": "0.9"}), result("sgd", 2, 0.5, "failed", params={})]
    numbers = (float("nan"), float("-inf"), 10**400)
    foreign += [result("sgd", 2, 0.5, metrics={"test/acc": number}) for number in numbers]
    for number, content in enumerate(foreign):
        write(tmp_path / f"foreign-{number}", content)
    runs, left_out = read_runs(tmp_path)
    assert len(runs) == 1
    assert len(left_out) == 2 + len(foreign)
    assert "it does not say what was run (failed)" in {each.reason for each in left_out}


def test_only_a_completed_run_has_metrics():
    assert Run(Path("run"), result("sgd", 0, 0.9)).metric("test/acc") == 0.9
    assert Run(Path("run"), result("sgd", 0, 0.9, "diverged")).metric("test/acc") is None
    assert Run(Path("run"), result("sgd", 0, 0.9, metrics={})).metric("test/acc") is None


def test_predictions_are_read_and_damaged_ones_are_none(tmp_path: Path):
    run = Run(write(tmp_path / "run", result("sgd", 0, 0.9)), result("sgd", 0, 0.9))
    assert run.predictions() is None
    path = tmp_path / "run" / "predictions.npz"
    label = np.array([1, 2, 3], dtype=np.uint8)
    np.savez_compressed(path, predicted=np.array([1, 2, 4], dtype=np.uint8), label=label, probability=label / 4)
    predictions = run.predictions()
    assert predictions is not None
    assert predictions.is_correct.tolist() == [True, True, False]
    content, random = path.read_bytes(), Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged[: random.choice([None, random.randrange(len(content))])])
        run.predictions()  # something or nothing, and no exception
    path.write_bytes(content[:50])
    assert run.predictions() is None
    np.savez_compressed(path, predicted=label[:2], label=label, probability=label)
    assert run.predictions() is None
