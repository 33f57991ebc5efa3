"""One sweep at a time in a folder."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.file_errors import remedy
from cnnlab.files import read_text, try_lock, write_atomically


@contextmanager
def lock_sweep(folder: Path) -> Iterator[None]:
    """Locks a sweep's folder; `sweep.lock` in it names the process that holds the lock.

    The system releases the lock of a process that dies, however it dies; between machines that do not share locks, the
    file's content counts.

    Args:
        folder: It must exist.

    Raises:
        UserError: If another sweep is running there.
    """
    record = folder / "sweep.lock"
    for path in (folder / ".lock", record):
        if os.path.lexists(path) and not path.is_file():
            raise UserError(f"{path} is not a file, so the sweep cannot lock its folder; remove it")
    try:
        lock = try_lock(folder / ".lock")
    except OSError as error:
        raise unusable(folder, error) from None
    holder, host = _read(record), socket.gethostname()
    who = f"a sweep, process {holder.get('pid', '?')} on {holder.get('host', '?')},"
    if lock is None:
        raise UserError(f"{who} is running in {folder}; wait for it, or choose another sweep.name")
    try:
        if holder.get("host", host) != host:
            raise UserError(f"{who} is running in {folder}, or was killed; if it is not running, remove {record}")
        try:
            write_atomically(record, json.dumps({"pid": os.getpid(), "host": host}).encode())
        except OSError as error:
            raise unusable(folder, error) from None
        try:
            yield
        finally:
            record.unlink(missing_ok=True)
    finally:
        lock.release()  # `with lock` would acquire it a second time, and release only that


def unusable(folder: Path, error: OSError) -> UserError:
    """Why a sweep cannot use a folder, and what to do."""
    return UserError(
        f"cannot use the sweep's folder {folder} ({error.strerror}); {remedy(error)}, or choose another sweep.name"
    )


def _read(record: Path) -> dict[str, object]:
    try:
        holder = json.loads(read_text(record))
    except (OSError, ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) and {"pid", "host"} <= set(holder) else {}
