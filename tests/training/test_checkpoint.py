import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.training.checkpoint import AtomicCheckpointIO, CheckpointError, load_checkpoint, sign

RUN, OTHER = "0123456789abcdef", "fedcba9876543210"
CONTENT = {"weights": torch.arange(3), "epoch": 2}


def unsigned(content: Any = CONTENT) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


SIGNED = sign(unsigned(), RUN)


def is_content(loaded: dict[str, Any]) -> bool:
    return loaded.keys() == CONTENT.keys() and loaded["weights"].tolist() == [0, 1, 2] and loaded["epoch"] == 2


def test_what_is_saved_is_loaded_and_it_is_one_file(tmp_path: Path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO(RUN).save_checkpoint(CONTENT, path)
    assert is_content(AtomicCheckpointIO(RUN).load_checkpoint(path))
    assert list(path.parent.iterdir()) == [path]


def test_others_read_it_as_any_checkpoint(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(SIGNED)
    for mmap in (False, True):
        assert is_content(torch.load(path, weights_only=True, mmap=mmap))
    assert zipfile.ZipFile(path).testzip() is None


def test_a_flipped_bit_in_any_byte_is_refused(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    damaged = bytearray(SIGNED)
    for position in range(len(damaged)):
        bit = 1 << position % 8
        damaged[position] ^= bit
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="is damaged"):
            load_checkpoint(path)
        damaged[position] ^= bit


@given(length=st.integers(0, len(SIGNED) - 1), appended=st.binary(min_size=1, max_size=40))
def test_a_cut_or_longer_file_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int, appended: bytes):
    path = tmp_path_factory.mktemp("damaged") / "last.ckpt"
    for content in (SIGNED[:length], SIGNED + appended, SIGNED + SIGNED, SIGNED[:length] + bytes(len(SIGNED) - length)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"last\.ckpt is damaged"):
            load_checkpoint(path, fingerprint=RUN)


def test_torch_itself_does_not_notice_a_flipped_bit(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(1000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # among the zeros
    path.write_bytes(content)
    assert torch.load(path, weights_only=True)["weights"].sum() != 0


def test_another_runs_checkpoint_is_refused_with_both_fingerprints(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(SIGNED)
    with pytest.raises(CheckpointError, match=f"is of another run .*{RUN}.*{OTHER}.*; delete {tmp_path} to restart"):
        AtomicCheckpointIO(OTHER).load_checkpoint(path)
    assert is_content(load_checkpoint(path))


def test_a_checkpoint_of_an_earlier_version_is_read_but_is_no_runs_own(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(unsigned())
    assert is_content(load_checkpoint(path))
    with pytest.raises(CheckpointError, match="has no digest: it is from an earlier version, or was changed"):
        load_checkpoint(path, fingerprint=RUN)


def test_a_flipped_bit_in_an_earlier_versions_checkpoint_is_refused_or_harmless(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    content = bytearray(unsigned())
    refused = 0
    for position in range(0, len(content), 3):
        bit = 1 << position // 3 % 8
        content[position] ^= bit
        path.write_bytes(content)
        try:
            assert is_content(load_checkpoint(path))
        except CheckpointError:
            refused += 1
        content[position] ^= bit
    assert refused > 100


def test_what_is_no_file_is_refused(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    for make, reason in (
        (lambda: None, "is missing"),
        (path.mkdir, "cannot be read .*a folder"),
        (lambda: os.mkfifo(path), "cannot be read .*a named pipe"),
        (lambda: path.symlink_to(path), "cannot be read .*symbolic links"),
        (path.touch, "is damaged .*empty"),
    ):
        make()
        with pytest.raises(CheckpointError, match=rf"last\.ckpt {reason}"):
            load_checkpoint(path)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def test_a_file_that_no_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a torn one, here of 64 GiB without anything on the disk, only the end is read."""
    path = tmp_path / "last.ckpt"
    with path.open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(CheckpointError, match=r"last\.ckpt is damaged"):
        load_checkpoint(path)

    def too_large(path: Path) -> bytes:
        raise MemoryError

    path.write_bytes(SIGNED)
    monkeypatch.setattr("cnnlab.training.checkpoint.read_file", too_large)
    with pytest.raises(CheckpointError, match=r"last\.ckpt has \d+ bytes, more than the memory takes"):
        load_checkpoint(path)


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_bomb_of_compressed_zeros_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_signed: bool):
    plain, bomb = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(1 << 18)}}, plain)
    with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for file in archive.infolist():
            target.writestr(file.filename, archive.read(file))
    content = bomb.getvalue()
    assert len(content) < 1 << 13 < len(plain.getvalue())
    path = tmp_path / "last.ckpt"
    path.write_bytes(sign(content, "") if is_signed else content)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it must be noticed before"))
    with pytest.raises(CheckpointError, match="its content is compressed"):
        load_checkpoint(path)


def test_more_than_tensors_and_plain_values_is_not_loaded(tmp_path: Path):
    path = tmp_path / "last.ckpt"
    for content, reason in (({"callable": pytest.approx}, "Weights only load failed"), ([1], "it holds a list")):
        AtomicCheckpointIO(RUN).save_checkpoint(content, path)
        with pytest.raises(CheckpointError, match=rf"is not a checkpoint.*{reason}") as error:
            load_checkpoint(path)
        assert "\n" not in str(error.value)
    path.write_bytes(pickle.dumps({}))
    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(path)


def saved(tmp_path: Path, steps: range) -> AtomicCheckpointIO:
    checkpoint_io = AtomicCheckpointIO(RUN, tmp_path / "last.ckpt", tmp_path / "previous.ckpt")
    for step in steps:
        checkpoint_io.save_checkpoint({"step": step}, tmp_path / "last.ckpt")
    return checkpoint_io


def steps_in(folder: Path) -> dict[str, int]:
    return {path.stem: load_checkpoint(path)["step"] for path in sorted(folder.iterdir())}


def test_the_checkpoint_before_the_last_is_kept(tmp_path: Path):
    checkpoint_io = saved(tmp_path, range(3))
    checkpoint_io.save_checkpoint({"step": 2}, tmp_path / "best.ckpt")
    assert steps_in(tmp_path) == {"last": 2, "previous": 1, "best": 2}


def test_a_checkpoint_that_nobody_has_checked_does_not_replace_the_previous_one(tmp_path: Path):
    saved(tmp_path, range(3))
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    resumed = saved(tmp_path, range(5, 6))
    assert steps_in(tmp_path) == {"last": 5, "previous": 1}
    resumed.save_checkpoint({"step": 6}, tmp_path / "last.ckpt")
    assert steps_in(tmp_path) == {"last": 6, "previous": 5}


@pytest.mark.parametrize("failing", ["link", "write"])
def test_at_every_moment_there_is_a_whole_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str):
    checkpoint_io = saved(tmp_path, range(3))

    def fail(*args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link" if failing == "link" else "fsync", fail)  # no hard links, or a full disk
    if failing == "link":
        checkpoint_io.save_checkpoint({"step": 3}, tmp_path / "last.ckpt")
        assert steps_in(tmp_path) == {"last": 3, "previous": 2}
    else:
        with pytest.raises(OSError, match="not permitted"):
            checkpoint_io.save_checkpoint({"step": 3}, tmp_path / "last.ckpt")
        assert steps_in(tmp_path) == {"last": 2, "previous": 2}


def test_a_runs_checkpoints_are_not_written_through_a_link_and_a_users_own_may_be_anywhere(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoints").symlink_to(tmp_path / "elsewhere")
    last = tmp_path / "checkpoints" / "last.ckpt"
    with pytest.raises(OSError, match="it is a link to"):
        AtomicCheckpointIO(RUN, last, last.with_name("previous.ckpt")).save_checkpoint(CONTENT, last)
    assert not list((tmp_path / "elsewhere").iterdir())
    AtomicCheckpointIO(RUN, last).save_checkpoint(CONTENT, tmp_path / "mine" / "top" / "epoch=3.ckpt")
    assert is_content(load_checkpoint(tmp_path / "mine" / "top" / "epoch=3.ckpt"))
