"""The weights of every epoch."""

import hashlib
import json
import logging
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab.errors import UserError
from cnnlab.observe import read_snapshots
from cnnlab.observe.snapshots import read_snapshot, snapshot
from cnnlab.run.execution import run
from cnnlab.signals import Interrupted
from cnnlab.training.build import build_classifier
from tests.conftest import SMALL

SHORT = (*SMALL, "model=mlp", "model.depth=1", "model.width=8", "trainer.max_epochs=3", "logger=none",
         "trainer.limit_train_batches=4", "callbacks=snapshots")  # fmt: skip
FILES = ["epoch_000.pt", "epoch_001.pt", "epoch_002.pt", "epoch_003.pt"]


def bits(folder: Path) -> dict[str, str]:
    """Digests of the files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_initial_weights_and_each_epochs_are_saved(compose_run, tmp_path: Path):
    config = compose_run(*SHORT)
    run(config)
    folder = tmp_path / "run"
    assert sorted(path.name for path in (folder / "snapshots").iterdir()) == FILES
    found = read_snapshots(folder)
    assert list(found) == [0, 1, 2, 3]
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {f"network.{name}" for name in found[3]} == set(last)
    assert all(torch.equal(tensor, last[f"network.{name}"]) for name, tensor in found[3].items())
    network = build_classifier(config).network
    network.load_state_dict(found[0])
    assert any(not torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_the_first_is_the_network_before_any_step(compose_run, tmp_path: Path):
    rate = "optimizer=sgd", "optimizer.lr=1e-30", "optimizer.weight_decay=0", "trainer.max_epochs=1"
    run(compose_run(*SHORT, *rate))
    found = read_snapshots(tmp_path / "run")
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_only_every_so_many_epochs(compose_run, tmp_path: Path):
    run(compose_run(*SHORT, "callbacks.snapshots.every_n_epochs=2"))
    assert list(read_snapshots(tmp_path / "run")) == [0, 2]


@pytest.mark.parametrize("at", [(1, 2), (1, 3)])
def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_files_and_weights(compose_run, tmp_path: Path, at):
    folder = tmp_path / "run"
    run(compose_run(*SHORT))
    expected, weights = bits(folder / "snapshots"), json.loads((folder / "result.json").read_text())["weights_sha256"]
    folder.rename(tmp_path / "uninterrupted")
    kill = f"+callbacks.kill={{_target_: tests.training.test_interruption.KillAt, epoch: {at[0]}, batch: {at[1]}}}"
    with pytest.raises(Interrupted):
        run(compose_run(*SHORT, kill))
    run(compose_run(*SHORT, kill, f"resume={folder}"))
    assert bits(folder / "snapshots") == expected
    assert json.loads((folder / "result.json").read_text())["weights_sha256"] == weights


def test_a_run_has_the_same_weights_with_and_without_it(compose_run, tmp_path: Path):
    hashes = []
    for callbacks in ("snapshots", "light"):
        run(compose_run(*SHORT[:-1], f"callbacks={callbacks}"))
        (tmp_path / "run").rename(tmp_path / callbacks)
        hashes.append(json.loads((tmp_path / callbacks / "result.json").read_text())["weights_sha256"])
    assert hashes[0] == hashes[1]


def test_a_snapshot_is_a_copy_in_single_precision_and_whole_numbers_stay_whole():
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    kept = snapshot(network)
    with torch.no_grad():
        network[0].weight.zero_()
    assert kept["0.weight"].dtype == torch.float32
    assert kept["0.weight"].abs().sum() > 0
    assert kept["1.num_batches_tracked"].dtype == torch.int64


def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "snapshots"
    folder.mkdir(parents=True)
    for epoch in (0, 1):
        torch.save(snapshot(nn.Linear(40, 30)), folder / f"epoch_00{epoch}.pt")
    return folder


@pytest.mark.parametrize("damage", ["cut off", "a bit", "empty", "other objects", "code", "no file"])
def test_a_damaged_file_is_named_and_skipped(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture):
    path = saved(tmp_path) / "epoch_001.pt"
    content = path.read_bytes()
    if damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "a bit":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "other objects":
        torch.save({"weight": 1}, path)
    elif damage == "code":
        path.write_bytes(pickle.dumps(print))
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(UserError, match=r"epoch_001\.pt") as raised:
        read_snapshot(path)
    assert "\n" not in str(raised.value)
    with caplog.at_level(logging.WARNING):
        assert list(read_snapshots(tmp_path / "run")) == [0]
    assert "epoch_001.pt" in caplog.text


def test_a_run_without_snapshots_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="has no snapshots; give the folder of a run with callbacks=snapshots"):
        read_snapshots(tmp_path)


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path):
    (saved(tmp_path) / ".epoch_002.pt.tmp").write_bytes(b"half")
    assert list(read_snapshots(tmp_path / "run")) == [0, 1]
