"""Atomic writes, reads that cannot hang, and file locks."""

import contextlib
import errno
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_PATIENCE_S = 0.2  # `is_locked` holds a lock for some microseconds
_NAMES = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that a reader, or a crash at any moment, finds the old content or the new, never a part.

    A symbolic link in the file's place is replaced, and what it names is left alone.

    Args:
        path: The file; its folder must exist. A temporary file beside it is written and renamed.
        content: The new content.
    """
    temporary = path.with_name(f".{path.name}.tmp")  # a fixed name, so that a killed run leaves at most one
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
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"it is {kind(found.st_mode)}, not a file", str(path))
        if max_bytes is not None and found.st_size > max_bytes:
            raise OSError(errno.EINVAL, f"it has {found.st_size} bytes, more than {max_bytes}", str(path))
    except BaseException:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def gunzip(content: bytes, max_bytes: int) -> bytes:
    """Decompresses gzip content, all its members (RFC 1952); of a damaged file as far as possible.

    Args:
        content: The compressed file.
        max_bytes: What is longer is cut there, so that a small file cannot fill the memory.
    """
    plain = bytearray()
    with contextlib.suppress(zlib.error):
        while content and len(plain) < max_bytes:
            member = zlib.decompressobj(wbits=31)
            plain += member.decompress(content, max_bytes - len(plain))
            content = member.unused_data
    return bytes(plain)


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
    if not temporary.is_dir():
        temporary.unlink(missing_ok=True)
