"""Atomic writes, reads that cannot hang, files of lines, and file locks."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from filelock import BaseFileLock, FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MAX_TEXT_BYTES = 64 * 2**20  # of a text file that we read; ours are far smaller
TAIL_BYTES = 2**16
LOCK_PATIENCE_S = 0.2  # `is_locked` holds a lock for some microseconds
_NAMES = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))


def expand_home(path: Path | str) -> str:
    """A path as the shell would have passed it: `~` and `~user` at its start, or at that of a SQLite URL's, expanded.

    Args:
        path: What a user typed where the shell does not look: `key=~/x`, a quoted text, a config file.
    """
    scheme, home = re.match(r"(sqlite(?:\+\w+)?:///)?(.*)", str(path), re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{scheme or ''}{os.path.expanduser(home)}"  # noqa: PTH111  # Path would drop a final slash


def user_path(text: str) -> Path:
    """A path that a user typed, for the arguments of scripts."""
    return Path(expand_home(text))


def temporary_of(path: Path) -> Path:
    """The file that `write_atomically` writes first: a fixed name, so that a killed run leaves at most one."""
    return path.with_name(f".{path.name}.tmp")


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that a reader, or a crash at any moment, finds the old content or the new, never a part.

    A symbolic link in the file's place is replaced, and what it names is left alone.

    Args:
        path: The file; its folder must exist. A temporary file beside it is written and renamed.
        content: The new content.
    """
    temporary = temporary_of(path)
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:  # follows no link: it must be a new file
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        _remove(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):  # Windows lacks it and cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_file(path: Path, max_bytes: int | None = None) -> bytes:
    """Reads a regular file, and never waits for the other end of a pipe.

    Args:
        path: The file, or a link to it.
        max_bytes: A larger file is not read.

    Raises:
        OSError: If it is missing, unreadable, not a regular file, or larger.
    """
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise OSError(errno.EINVAL, f"it has {size} bytes, more than {max_bytes}", str(path))
        return file.read()


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The text of a file that anyone may have put there; bytes that are not UTF-8 are replaced.

    Raises:
        OSError: As for `read_file`.
    """
    return read_file(path, max_bytes).decode("utf-8", errors="replace")


def read_end(path: Path, num_bytes: int) -> bytes:
    """The end of a file.

    Args:
        path: The file.
        num_bytes: How much of it.

    Raises:
        OSError: As for `read_file`.
    """
    with _open_regular(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - num_bytes))
        return file.read(num_bytes)


def read_tail(path: Path, num_bytes: int) -> str:
    """As `read_end`, as text like `read_text`."""
    return read_end(path, num_bytes).decode("utf-8", errors="replace")


def _open_regular(path: Path) -> BinaryIO:
    """Opens a file without waiting for the other end of a pipe."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {kind(mode)}, not a file", str(path))


def cut_torn_line(path: Path) -> bytes:
    """Cuts a file of lines back to its last newline: a full disk, or a kill, may have torn the last line.

    Args:
        path: The file; it need not exist. What a link names is left alone.

    Returns:
        What was cut; empty if the file was whole.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
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
        OSError: As for `open_to_append`, or if it cannot be written.
    """
    with os.fdopen(open_to_append(path), "wb", buffering=0) as file:
        file.write(content)


def open_to_append(path: Path) -> int:
    """Opens a regular file, and neither follows a link nor waits for the other end of a pipe.

    Args:
        path: The file; created if there is none.

    Returns:
        Its descriptor.

    Raises:
        OSError: If something else is in its place, or it cannot be opened.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"it is a link to {path.readlink()}, not a file", str(path))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o666)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, f"it is {kind(mode)}, not a file", str(path))


def make_folder(path: Path) -> None:
    """Creates a folder, unless it exists; what is above it must exist.

    Raises:
        OSError: If that fails, or there is something else, such as a link to a folder elsewhere.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"it is a link to {path.readlink()}, not a folder", str(path))
    path.mkdir(exist_ok=True)


def irregular(folder: Path) -> Iterator[tuple[Path, str]]:
    """Whatever is below a folder and is neither file nor folder, nor a link to one inside it; links are not followed.

    Args:
        folder: The folder, which may itself be named by a link.

    Yields:
        The path, and what it is, in words.
    """
    inside = folder.resolve()
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                if not Path(os.path.realpath(path)).is_relative_to(inside):
                    yield path, f"a link to {path.readlink()}"
            elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                yield path, kind(mode)


def kind(mode: int) -> str:
    """What a file's mode says that it is, in words."""
    return next((words for is_one, words in _NAMES if is_one(mode)), "a device")


def try_lock(path: Path) -> BaseFileLock | None:
    """Creates and locks a file, until the lock is released or the process ends, however it ends.

    Returns:
        The lock, or None if another process holds it.

    Raises:
        OSError: If the file cannot be written, or is a symbolic link, or a folder.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"it is a link to {path.readlink()}, not a file", str(path))
    lock = FileLock(path)
    try:
        lock.acquire(timeout=LOCK_PATIENCE_S)
    except Timeout:
        return None
    return lock


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of `try_lock`; asks without disturbing it, and needs only to read the file."""
    if path.is_symlink() or not path.is_file():
        return False
    if fcntl is None:
        lock = try_lock(path)
        if lock is not None:
            lock.release()
        return lock is None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # unreadable, or just removed
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)  # else locks are unavailable here
    finally:
        os.close(descriptor)
    return False


def _remove(temporary: Path) -> None:
    """Removes what a failed write has left; the write's own error is the one to tell."""
    with suppress(OSError):
        temporary.unlink()
