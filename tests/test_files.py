import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.files import append_line, cut_torn_line, read_regular_file, read_tail, write_atomically


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("fsync"), real_fsync(descriptor)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (calls.append("rename"), real_replace(self, target))[1])
    write_atomically(tmp_path / "file", b"content")
    assert calls == ["fsync", "rename", "fsync"]  # the content, the name, the folder's entry


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("read", [read_regular_file, lambda path: read_tail(path, 10)])
def test_only_a_regular_file_is_read_and_nothing_is_waited_for(
    tmp_path: Path, put: Callable[[Path], None], read: Callable[[Path], str]
):
    put(tmp_path / "x")
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        read(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_a_file_is_read_up_to_a_size_and_whatever_its_bytes_are(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes("λ".encode() + b"\xff\n")
    assert read_regular_file(path, max_bytes=4) == "λ\ufffd\n"
    assert read_tail(path, 1) == "\n"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        read_regular_file(path, max_bytes=3)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"", b""),
        (b"a\n", b"a\n"),
        (b"a\nb", b"a\n"),
        (b"torn", b""),
        (b"a\n" + b"b" * 200_000, b"a\n"),
        (b"a\n" * 100_000 + b"b" * 70_000, b"a\n" * 100_000),
        (b"\n\0\0", b"\n"),
    ],
)
def test_a_torn_line_is_cut_and_no_other(tmp_path: Path, content: bytes, kept: bytes):
    path = tmp_path / "x"
    path.write_bytes(content)
    assert cut_torn_line(path) == content[len(kept) :]
    assert path.read_bytes() == kept
    append_line(path, "λ")
    assert path.read_bytes() == kept + "λ\n".encode()


def test_what_is_no_file_is_not_cut(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    assert cut_torn_line(tmp_path / "missing") == cut_torn_line(tmp_path / "fifo") == cut_torn_line(tmp_path) == b""
    with pytest.raises(OSError, match="No such device"):
        append_line(tmp_path / "fifo", "x")
