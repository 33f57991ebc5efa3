"""Atomic writes and file locks."""

import os
import re
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout


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
