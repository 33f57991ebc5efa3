"""A sweep in a folder where others have put their own things, in real processes."""

import os
from pathlib import Path

import pytest

from tests.sweep.sweeps import results, sweep

FEW = ("trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "seed=0,1,2")


@pytest.mark.slow
def test_what_others_have_put_there_is_named_and_neither_stops_nor_hangs_the_sweep(tmp_path: Path):
    for name in ("known.jsonl", "seed=0"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "multirun.yaml").mkdir()
    (tmp_path / "logs" / "seed=1.log").mkdir(parents=True)
    (tmp_path / ".removed-by-a-kill").mkdir()
    (tmp_path / "seed=2").mkdir()
    (tmp_path / "seed=2" / "notes.txt").touch()
    code, text = sweep(tmp_path, *FEW)
    assert code == 1, text
    assert "Traceback" not in text
    for line in (
        f"{tmp_path / 'known.jsonl'} cannot be read (",
        f"cannot write {tmp_path / 'multirun.yaml'}",
        "  seed=0~2: new; seed=0 is not a folder: beside it",
        "  seed=2~2: new; seed=2 holds no run, but notes.txt: beside it",
        f"seed=1: failed: cannot write the log {tmp_path / 'logs' / 'seed=1.log'}; remove what is there",
        "1 failed, 2 completed",
    ):
        assert line in text
    assert set(results(tmp_path)) == {"seed=0~2", "seed=2~2"}
    assert not list(tmp_path.glob(".removed-*"))
    (tmp_path / "logs" / "seed=1.log").rmdir()
    code, text = sweep(tmp_path, *FEW)
    assert (code, "1 completed, 2 done before" in text) == (0, True), text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "logs"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, name: str):
    folder = tmp_path / "sweep"
    if name:
        folder.mkdir()
    (folder / name).touch()
    code, text = sweep(folder, *FEW)
    assert (code, text.count("\n")) == (2, 1), text
    assert f"cannot use the sweep's folder {folder / name} (" in text
    assert "remove what is there" in text
