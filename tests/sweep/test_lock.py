"""Two sweeps never run in the same folder."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.files import try_lock
from cnnlab.sweep import lock_sweep

HOLD = """
import pathlib, sys, time
from cnnlab.sweep import lock_sweep
with lock_sweep(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_the_second_is_refused_until_the_first_is_dead(tmp_path: Path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"process {first.pid} on "), lock_sweep(tmp_path):
            pass
        first.kill()
    with lock_sweep(tmp_path):
        assert json.loads((tmp_path / "sweep.lock").read_text())["pid"] == os.getpid()
    with lock_sweep(tmp_path):
        pass


def test_a_lock_of_another_machine_holds_until_it_is_removed(tmp_path: Path):
    (tmp_path / "sweep.lock").write_text('{"pid": 1, "host": "elsewhere"}')
    with pytest.raises(UserError, match=r"process 1 on elsewhere.* remove .*sweep\.lock"), lock_sweep(tmp_path):
        pass
    (tmp_path / "sweep.lock").unlink()
    with lock_sweep(tmp_path):
        pass


def test_a_damaged_lock_is_no_lock(tmp_path: Path):
    (tmp_path / "sweep.lock").write_text("[")
    with lock_sweep(tmp_path):
        pass


@pytest.mark.parametrize("name", [".lock", "sweep.lock"])
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_something_else_in_a_locks_place_is_named(tmp_path: Path, name: str, put: Callable[[Path], None]):
    put(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} is not a file, .*; remove it"), lock_sweep(tmp_path):
        pass


@pytest.mark.parametrize(
    ("number", "way_out"),
    [(errno.EROFS, "make it writable"), (errno.ENOSPC, "free some space"), (errno.EIO, "check the disk")],
)
@pytest.mark.parametrize("call", ["try_lock", "write_atomically"])
def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, way_out: str
):
    def fail(path: Path, *content: bytes) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(f"cnnlab.sweep.lock.{call}", fail)
    line = f"cannot use the sweep's folder {tmp_path} \\({os.strerror(number)}\\); {way_out}, or choose"
    with pytest.raises(UserError, match=line), lock_sweep(tmp_path):
        pass


def test_the_lock_is_free_when_the_sweep_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = []
    monkeypatch.setattr("cnnlab.sweep.lock.try_lock", lambda path: kept.append(try_lock(path)) or kept[0])
    with lock_sweep(tmp_path):
        assert kept[0].is_locked
    assert not kept[0].is_locked
