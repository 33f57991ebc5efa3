"""Compiles the kernels once per machine, for its processor, with the C compiler that is there."""

import hashlib
import importlib.util
import logging
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from cnnlab.errors import one_line

FOLDER = Path(__file__).parent
TIMEOUT_S = 300  # of the compiler, which takes two seconds
LOCK_TIMEOUT_S = 60  # then a process compiles beside the one that holds the lock
NATIVE = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
FLAGS = ("-O3", NATIVE, "-std=gnu11", "-fPIC", "-shared")

logger = logging.getLogger(__name__)
Library = TypeVar("Library")


class Unavailable(Exception):
    """The kernels cannot be used, and why."""


def load_compiled(load: Callable[[Path], Library], definitions: tuple[str, ...] = ()) -> Library:
    """Loads the library for this processor from the user's cache, and compiles it there if it is missing or damaged.

    Of processes that start at once the first compiles, and the others wait; a file in the cache is always whole. Where
    no folder can be trusted or written, each process compiles for itself.

    Args:
        load: Loads a file; raises OSError if it is no library.
        definitions: The compiler's, such as `REAL=double`.

    Raises:
        Unavailable: With the reason.
    """
    folder = _cache_folder()
    if folder is not None:
        path = folder / f"kernels-{_key(definitions)}.so"
        try:
            return load(path)
        except OSError:  # missing, or not whole since the machine went down
            pass
        try:
            with _alone(path):
                return _load_or_compile(load, path, definitions)
        except OSError as error:
            logger.debug("%s cannot be used: %s", folder, error)
    try:
        with tempfile.TemporaryDirectory(prefix="cnnlab-") as private:
            return _load_or_compile(load, Path(private) / "library.so", definitions)
    except OSError as error:
        raise Unavailable(one_line(error)) from error


def _load_or_compile(load: Callable[[Path], Library], path: Path, definitions: tuple[str, ...]) -> Library:
    try:
        return load(path)  # the process that held the lock has compiled it
    except OSError:
        compile_to(path, definitions)
        return load(path)


def compile_to(path: Path, definitions: tuple[str, ...] = ()) -> None:
    """Compiles the library with the first compiler that can, and moves it into place.

    Args:
        path: The file to write, or to replace.
        definitions: As for `load_compiled`.

    Raises:
        Unavailable: If no compiler can.
        OSError: If the file cannot be written.
    """
    reason = "there is no C compiler (cc, $CC, or PyPI's ziglang)"
    for command in _compilers():
        with tempfile.TemporaryDirectory(prefix=".compiling-", dir=path.parent) as folder:
            draft = Path(folder) / "library.so"
            sources = sorted(map(str, FOLDER.glob("*.c")))
            options = [*FLAGS, *(f"-D{each}" for each in definitions), *sources, "-o", str(draft), "-lm"]
            try:
                subprocess.run([*command, *options], check=True, timeout=TIMEOUT_S, capture_output=True)
            except subprocess.CalledProcessError as error:
                reason = f"{shlex.join(command)} failed: {_first_error(error.stderr.decode(errors='replace'))}"
            except (OSError, subprocess.TimeoutExpired) as error:
                reason = f"{shlex.join(command)} failed: {one_line(error)}"
            else:
                draft.replace(path)
                return
    raise Unavailable(reason)


def _compilers() -> Iterator[list[str]]:
    """The user's choice first; the others, since a run must not fail for want of it."""
    if chosen := shlex.split(os.environ.get("CC", "")):
        yield chosen
    yield from ([name] for name in ("cc", "gcc", "clang") if shutil.which(name))
    if importlib.util.find_spec("ziglang") is not None:
        yield [sys.executable, "-m", "ziglang", "cc"]


def _first_error(text: str) -> str:
    lines = text.splitlines() or ["no message"]
    return next((line for line in lines if "error" in line), lines[0]).strip()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes waiting; where files cannot be locked, or for a minute at most, they work side by side."""
    lock = FileLock(path.with_suffix(".lock"), timeout=LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except (NotImplementedError, TimeoutError) as error:
        logger.debug("%s is not locked: %s", path, error)
    try:
        yield
    finally:
        lock.release()


def _cache_folder() -> Path | None:
    """The user's cache; None if somebody else can write to it, since what is in it is executed."""
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        folder = (chosen if chosen.is_absolute() else Path.home() / ".cache") / "cnnlab"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError):  # Path.home() raises the latter
        return None
    is_private = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if is_private else None


def _key(definitions: tuple[str, ...]) -> str:
    sources = [path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]"))]
    text = repr((sources, FLAGS, definitions, platform.system(), platform.machine(), _processor()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _processor() -> list[str]:
    """What tells processors apart that have other instructions."""
    names = {"vendor_id", "cpu family", "model", "model name", "flags", "CPU implementer", "CPU part", "Features"}
    try:
        with Path("/proc/cpuinfo").open() as file:
            first_core = list(takewhile(str.strip, file))
    except OSError:
        return [platform.processor()]
    return [line for line in first_core if line.partition(":")[0].strip() in names]
