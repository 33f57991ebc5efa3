"""The user's cache of compiled libraries: found there, or built there by the first of the processes that need one."""

import hashlib
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from cnnlab.errors import one_line
from cnnlab.kernels.compiler import Unavailable

LOCK_TIMEOUT_S = 300  # then a process builds elsewhere: longer than all compilers together
DRAFT = ".draft-"  # begins the names of folders in which a library is built
MAX_AGE_S = 30 * 24 * 3600  # of a library when another is built
ROOM_BYTES = 4 * 2**20  # for the library and the compiler's files

logger = logging.getLogger(__name__)
Library = TypeVar("Library")


def load_or_build(key: str, load: Callable[[Path], Library], build: Callable[[Path], Path]) -> Library:
    """Loads a library from the user's cache; builds it if it is missing, damaged, or cannot be loaded from there.

    Of processes that start at once the first builds, and the others wait. What others could have written is not
    trusted, since it would be executed. Where there is no folder to trust and to write, nothing is kept.

    Args:
        key: Names the library.
        load: Loads a file; raises OSError if that is impossible.
        build: Builds the library in an empty folder.

    Raises:
        Unavailable: If it cannot be built anywhere.
    """
    for candidate in _candidates():
        with suppress(OSError, RuntimeError):  # the latter: symbolic links in a circle
            if (library := _load(_trusted(candidate), key, load)) is not None:
                return library
    failures: list[OSError] = []
    for candidate in _candidates():
        try:
            folder = _make_private(candidate)
            with FileLock(folder / ".lock", timeout=LOCK_TIMEOUT_S):
                return _load(folder, key, load) or _build(folder, key, load, build)
        except (OSError, RuntimeError) as error:  # the latter: files cannot be locked there, too
            logger.debug("%s cannot be used: %s", candidate, error)
            failures.append(OSError(f"{candidate}: {one_line(error)}"))
    try:
        with tempfile.TemporaryDirectory(prefix="cnnlab-") as private:
            return load(_build_in(Path(private), build))
    except OSError as error:
        raise Unavailable(one_line(next(iter(failures), error))) from error


def _load(folder: Path, key: str, load: Callable[[Path], Library]) -> Library | None:
    """A library whose content is what its name says: one that a crash has cut short could crash this process, too."""
    for path in sorted(folder.glob(f"{key}-*.so")):
        with suppress(OSError):
            if path.is_file() and _is_private(path) and path.stem == _name(key, path.read_bytes()):
                return load(path)
    return None


def _build(folder: Path, key: str, load: Callable[[Path], Library], build: Callable[[Path], Path]) -> Library:
    """Builds a library in a folder that this process has locked."""
    _remove_litter(folder)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=folder) as draft:
        built = _build_in(Path(draft), build)
        built.chmod(0o600)  # whatever the umask
        path = folder / f"{_name(key, built.read_bytes())}.so"
        built.replace(path)
    return load(path)


def _build_in(draft: Path, build: Callable[[Path], Path]) -> Path:
    """Builds a library, unless the folder's disk is full, or no code can be loaded from there."""
    if os.statvfs(draft).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise PermissionError("it is mounted noexec")
    room = draft / "room"
    room.write_bytes(bytes(ROOM_BYTES))
    room.unlink()
    return build(draft)


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:16]}"


def _remove_litter(folder: Path) -> None:
    """Removes what killed processes have left, which were the last that had the lock, and what is old."""
    for path in folder.iterdir():
        with suppress(OSError):
            if path.name.startswith(DRAFT):
                shutil.rmtree(path, ignore_errors=True)
            elif path.match("kernels-*.so") and path.lstat().st_mtime < time.time() - MAX_AGE_S:
                path.unlink()


def _candidates() -> Iterator[Path]:
    """The user's cache, and a folder that is emptied when the machine starts."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        yield chosen / "cnnlab"
    else:
        with suppress(RuntimeError):  # no home is known
            home = Path.home()
            if home.is_absolute() and home.is_dir():
                yield home / ".cache" / "cnnlab"
    with suppress(OSError):  # no folder for temporary files
        yield Path(tempfile.gettempdir(), f"cnnlab-{os.getuid()}")


def _make_private(folder: Path) -> Path:
    """Creates a folder, unless it exists; raises OSError as `_trusted`."""
    if all(map(_is_safe, filter(Path.exists, folder.resolve().parents))):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return _trusted(folder)


def _trusted(folder: Path) -> Path:
    """A folder without its symbolic links; raises OSError if others can write to it, or put another in its place."""
    folder = folder.resolve(strict=True)
    if not (_is_private(folder) and all(map(_is_safe, folder.parents))):
        raise PermissionError("others can write there")
    return folder


def _is_private(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_safe(parent: Path) -> bool:
    """Whether only this user and the system's (in a container not always 0) can replace what is in a folder."""
    found = parent.stat()
    is_ours = found.st_uid in (os.getuid(), Path("/").stat().st_uid)
    return is_ours and (not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or bool(found.st_mode & stat.S_ISVTX))
