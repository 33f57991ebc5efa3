"""Atomic writes, file locks, and reading what others may have written."""

import errno
import os
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from filelock import BaseFileLock, FileLock, Timeout

MAX_BYTES = 64 * 2**20  # of a text file that we read; ours are far smaller
TAIL_BYTES = 2**16


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that a reader, or a crash at any moment, finds the old content or the new, never a part.

    Args:
        path: The file; its folder must exist. A temporary file beside it is written and renamed.
        content: The new content.
    """
    temporary = path.with_name(f".{path.name}.tmp")  # a fixed name, so that a killed run leaves at most one
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # Windows lacks it and cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def try_lock(path: Path) -> BaseFileLock | None:
    """Creates and locks a file, until the lock is released or the process ends, however it ends.

    Returns:
        The lock, or None if another process holds it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def read_regular_file(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file that anyone may have put there; bytes that are not UTF-8 are replaced.

    Args:
        path: The file.
        max_bytes: Its largest size.

    Raises:
        OSError: If there is none, it is too large, or something else is in its place: a FIFO would be waited for.
    """
    with _open_regular_file(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise OSError(errno.EFBIG, f"larger than {max_bytes:,} bytes", str(path))
        return file.read(max_bytes).decode("utf-8", errors="replace")


def read_tail(path: Path, num_bytes: int) -> str:
    """The end of such a file.

    Args:
        path: The file.
        num_bytes: How much of it.

    Raises:
        OSError: As for `read_regular_file`.
    """
    with _open_regular_file(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - num_bytes))
        return file.read(num_bytes).decode("utf-8", errors="replace")


def _open_regular_file(path: Path) -> BinaryIO:
    """Opens it without waiting."""
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    if S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def cut_torn_line(path: Path) -> bytes:
    """Cuts a file of lines back to its last newline: a full disk, or a kill, may have torn the last line.

    Args:
        path: The file; it need not exist.

    Returns:
        What was cut; empty if the file was whole.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb+") as file:
            start = end = file.seek(0, os.SEEK_END)
            tail = b""
            while start > 0 and b"\n" not in tail:
                start = max(0, start - TAIL_BYTES)
                file.seek(start)
                tail = file.read(end - start)
            torn = tail[tail.rfind(b"\n") + 1 :]
            if torn:
                file.truncate(end - len(torn))
            return torn
    except FileNotFoundError:
        return b""


def append_line(path: Path, line: str) -> None:
    """Appends a line to a file of lines, after cutting off a torn one.

    Args:
        path: The file; created if there is none.
        line: Without its newline.

    Raises:
        OSError: If it cannot be written, or something else is in its place.
    """
    cut_torn_line(path)
    append_bytes(path, f"{line}\n".encode())


def append_bytes(path: Path, content: bytes) -> None:
    """Appends to a file, at once; without waiting, if something else is in its place.

    Args:
        path: The file; created if there is none.
        content: What to append.

    Raises:
        OSError: If it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0) as file:
        file.write(content)
