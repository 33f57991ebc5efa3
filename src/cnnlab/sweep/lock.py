"""One sweep at a time in a folder."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnlab.errors import UserError


@contextmanager
def sole_sweep(folder: Path) -> Iterator[None]:
    """Holds `sweep.lock` in a sweep's folder, which says who is at work there.

    The system takes the lock away from a process that dies, however it dies; between machines that do not share locks,
    the file's own word counts.

    Args:
        folder: It must exist.

    Raises:
        UserError: If another sweep is at work there.
    """
    path = folder / "sweep.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _take(file, path)
        try:
            yield
        finally:
            os.ftruncate(file, 0)
    finally:
        os.close(file)


def _take(file: int, path: Path) -> None:
    holder, here = _read(file), socket.gethostname()
    who = f"a sweep, process {holder.get('pid', '?')} on {holder.get('host', '?')},"
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{who} is at work in {path.parent}; wait for it, or give another sweep.name") from None
    if holder.get("host", here) != here:
        raise UserError(f"{who} is at work in {path.parent}, or was killed; if it is no longer alive, remove {path}")
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps({"pid": os.getpid(), "host": here}).encode(), 0)


def _read(file: int) -> dict[str, object]:
    try:
        holder = json.loads(os.pread(file, 1000, 0))
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) and {"pid", "host"} <= set(holder) else {}
