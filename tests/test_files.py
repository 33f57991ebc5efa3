import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.files import (
    append_line,
    cut_torn_line,
    is_locked,
    make_folder,
    read_file,
    read_tail,
    read_text,
    try_lock,
    write_atomically,
)


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


def test_links_in_the_place_of_a_file_are_replaced_and_not_followed(tmp_path: Path):
    precious = tmp_path / "precious"
    precious.write_text("old")
    for name in ("file", ".file.tmp"):
        (tmp_path / name).symlink_to(precious)
    write_atomically(tmp_path / "file", b"new")
    assert (precious.read_text(), (tmp_path / "file").read_text()) == ("old", "new")
    assert not (tmp_path / "file").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == {"file", "precious"}


def test_a_folder_in_the_place_of_the_temporary_file_is_an_error_that_names_the_file(tmp_path: Path):
    (tmp_path / ".file.tmp").mkdir()
    with pytest.raises(OSError, match="file'"):
        write_atomically(tmp_path / "file", b"new")


def test_a_file_in_the_place_of_the_folder_is_an_error_that_names_the_file(tmp_path: Path):
    (tmp_path / "folder").write_text("")
    with pytest.raises(NotADirectoryError, match="folder/file'"):
        write_atomically(tmp_path / "folder" / "file", b"new")


def test_only_regular_files_of_a_bounded_size_are_read_without_waiting(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert read_file(tmp_path / "file", max_bytes=7) == read_file(tmp_path / "link") == b"content"
    for name, words in (("folder", "a folder, not a file"), ("pipe", "a named pipe, not a file"), ("file", "7 bytes")):
        with pytest.raises(OSError, match=words):
            read_file(tmp_path / name, max_bytes=6)


def test_a_folder_is_made_but_not_behind_a_link(tmp_path: Path):
    make_folder(tmp_path / "folder")
    make_folder(tmp_path / "folder")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with pytest.raises(OSError, match="it is a link to"):
        make_folder(tmp_path / "link")


def test_asking_for_a_lock_does_not_take_it(tmp_path: Path):
    path = tmp_path / ".lock"
    assert not is_locked(path)
    assert not path.exists()
    lock = try_lock(path)
    assert lock is not None
    assert is_locked(path)
    assert try_lock(path) is None
    lock.release()
    assert not is_locked(path)
    asking = threading.Thread(target=lambda: [is_locked(path) for _ in range(20_000)])
    asking.start()
    for _ in range(20):
        lock = try_lock(path)
        assert lock is not None
        lock.release()
    asking.join()


def test_a_link_is_not_locked(tmp_path: Path):
    (tmp_path / "precious").write_text("old")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="it is a link to"):
        try_lock(tmp_path / ".lock")
    assert not is_locked(tmp_path / ".lock")
    assert (tmp_path / "precious").read_text() == "old"


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("read", [read_text, lambda path: read_tail(path, 10)])
def test_only_a_regular_file_is_read_and_nothing_is_waited_for(
    tmp_path: Path, put: Callable[[Path], None], read: Callable[[Path], str]
):
    put(tmp_path / "x")
    with pytest.raises(OSError, match=r"not a file"):
        read(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_a_file_is_read_up_to_a_size_and_whatever_its_bytes_are(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes("λ".encode() + b"\xff\n")
    assert read_text(path, max_bytes=4) == "λ\ufffd\n"
    assert read_tail(path, 1) == "\n"
    with pytest.raises(OSError, match="more than 3"):
        read_text(path, max_bytes=3)


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


def test_what_is_no_file_is_not_cut_and_nothing_is_appended_to_it(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    assert cut_torn_line(tmp_path / "missing") == cut_torn_line(tmp_path / "fifo") == cut_torn_line(tmp_path) == b""
    with pytest.raises(OSError, match="No such device"):
        append_line(tmp_path / "fifo", "x")
    (tmp_path / "torn").write_text("torn")
    for target in ("torn", "missing"):
        (tmp_path / "link").symlink_to(target)
        assert cut_torn_line(tmp_path / "link") == b""
        with pytest.raises(OSError, match=f"it is a link to {target}, not a file"):
            append_line(tmp_path / "link", "x")
        (tmp_path / "link").unlink()
    assert (tmp_path / "torn").read_text() == "torn"
    assert not (tmp_path / "missing").exists()
