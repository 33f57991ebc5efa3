"""Which run of a job counts."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.sweep import Job
from cnnlab.sweep.current import FILE, current_names, record_current

NAMES = ("a", "a~2", "a~3", "b", "c", "c~2")


def command(folder: Path, *names: str) -> None:
    """Plans these runs, and leaves their folders."""
    record_current(folder, [Job.in_sweep(folder, name, ()) for name in names])
    for name in names:
        (folder / name).mkdir(exist_ok=True)


def test_the_last_commands_runs_count_also_if_the_config_was_changed_back(tmp_path: Path):
    command(tmp_path, "a", "b")
    assert not (tmp_path / FILE).exists()
    assert current_names(tmp_path, NAMES) == {"a~3", "b", "c~2"}  # the newest, as far as anybody knows
    command(tmp_path, "a~2", "b")
    assert current_names(tmp_path, NAMES) == {"a~2", "b", "c~2"}
    command(tmp_path, "c~2")  # of other jobs
    command(tmp_path, "a", "b")
    assert current_names(tmp_path, NAMES) == {"a", "b", "c~2"}
    assert current_names(tmp_path, ["a~2"]) == {"a"}  # which has no result yet


def test_a_run_that_was_removed_counts_no_longer(tmp_path: Path):
    command(tmp_path, "a")
    command(tmp_path, "a~2")
    (tmp_path / "a~2").rmdir()
    assert current_names(tmp_path, ["a"]) == {"a"}


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"3", b'{"a": "2"}', b'{"a": -1}', b'{"a": true}'])
def test_a_record_that_is_not_ours_does_not_count(tmp_path: Path, content: bytes):
    (tmp_path / FILE).write_bytes(content)
    assert current_names(tmp_path, NAMES) == {"a~3", "b", "c~2"}
    command(tmp_path, "a~2")
    assert current_names(tmp_path, NAMES) == {"a~2", "b", "c~2"}


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_something_else_in_its_place_is_named_and_no_hindrance(
    tmp_path: Path, put: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
):
    put(tmp_path / FILE)
    assert current_names(tmp_path, NAMES) == {"a~3", "b", "c~2"}
    line = f"{tmp_path / FILE} cannot be read; of a job with several runs, tables and curves count the newest\n"
    assert capsys.readouterr().err == line
    command(tmp_path, "a~2")
