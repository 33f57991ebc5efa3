"""A sweep's runs, from hand-made results."""

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest

from cnnlab.errors import UserError
from cnnlab.files import try_lock
from cnnlab.report.runs import EXAMPLE, LeftOut, Run, read_runs
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
    assert "its result.json: it does not say what was run (failed)" in {each.reason for each in left_out}


def test_a_folder_without_a_result_is_named_and_left_out_unless_it_is_a_sweeps_own(tmp_path: Path):
    write(tmp_path / "seed=0", result("sgd", 0, 0.5))
    for name in ("killed", "running", "early", "photos", "logs", "report", "tuning", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("killed", "running", "early"):
        (tmp_path / name / ".hydra").mkdir()
    for name in ("killed", "running"):
        (tmp_path / name / ".hydra" / "overrides.yaml").write_text("- seed=1\n")
        (tmp_path / name / "metrics.csv").write_text("epoch,val/acc\n1,0.9\n")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "multirun.yaml").write_text("")
    lock = try_lock(tmp_path / "running" / ".lock")
    assert lock is not None
    with lock:
        runs, left_out = read_runs(tmp_path)
    assert [run.path.name for run in runs] == ["seed=0"]
    assert {each.path.name: each.reason for each in left_out} == {
        "early": "killed before it started",
        "killed": "killed before it had a result",
        "photos": "not a run: it has no result.json",
        "running": "still running, without a result yet",
    }


def test_what_is_no_sweeps_folder_is_refused_in_one_line_that_says_what_it_is(tmp_path: Path, capsys):
    sweep = tmp_path / "sweeps" / "pool sizes"
    run = write(sweep / "seed=0", result("adam", 0, 0.9))
    (sweep / "multirun.yaml").write_text("")
    (sweep / "report").mkdir()
    (sweep / "known.jsonl").write_text("")
    (tmp_path / "empty").mkdir()
    unfinished = tmp_path / "killed"
    for number in range(2):
        (unfinished / f"seed={number}" / ".hydra").mkdir(parents=True)
    (unfinished / "multirun.yaml").write_text("")
    for folder, words in {
        sweep / "known.jsonl": f"is a file; {EXAMPLE}",
        tmp_path / "no" / "such": f"does not exist; {EXAMPLE}",
        tmp_path / "empty": f"has no finished runs; {EXAMPLE}",
        run: f"is one run; give the sweep's folder, its parent: {sweep}",
        tmp_path / "sweeps": f"has no finished runs; give a sweep's folder, such as {sweep}",
        sweep / "report": f"has no finished runs; give a sweep's folder, such as {sweep}",
        unfinished: "has no finished runs (seed=0: killed before it started, and 1 more); start its command again, or "
        "give another sweep's folder",
    }.items():
        with pytest.raises(UserError) as caught:
            read_runs(folder)
        assert str(caught.value) == f"{folder} {words}"
    assert capsys.readouterr() == ("", "")


def test_ten_thousand_folders_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        write(tmp_path / f"seed={number}", result("sgd", number, 0.5))
    seen: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(str(path)) or scandir(path))
    assert len(read_runs(tmp_path)[0]) == 20
    assert seen == [str(tmp_path)]


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
