"""The journal of a study, in the sweep's folder: repaired before it is opened, and compared with the runs there."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from cnnlab.errors import UserError
from cnnlab.files import append_bytes, cut_torn_line
from cnnlab.run.claim import locked
from cnnlab.run.folder import RunFolder

TORN = ".torn"  # ends the name of the file that keeps what was cut
TRIAL = re.compile(r"(\d{4,}),")  # starts the name of a trial's folder


def repair(journal: Path) -> None:
    """Cuts the journal back to its last whole line, which a full disk or a kill may have torn, and says so.

    Optuna would append to the torn line, and could then never read the journal again.

    Args:
        journal: The file; it need not exist.

    Raises:
        UserError: If it is not a file, or is damaged elsewhere.
    """
    lock = journal.with_name(f"{journal.name}.lock")
    if lock.is_symlink() and not lock.exists():
        lock.unlink()  # of a killed search whose folder was moved: Optuna would wait for ever
    if not os.path.lexists(journal):
        return
    if journal.is_symlink() or not journal.is_file():
        raise UserError(f"{journal} is not a file; remove it, or choose another sweep.name")
    _check(journal)  # first, so that a file that is something else is left as it is
    cut(journal, JournalFileSymlinkLock(str(journal)))


def cut(journal: Path, lock: JournalFileSymlinkLock) -> int:
    """Cuts off a torn last line, which is kept in a file beside, and says so.

    Args:
        journal: The file.
        lock: Optuna's, since jobs write there too, and those on a cluster may outlive their sweep.

    Returns:
        The size of what is left.
    """
    lock.acquire()
    try:
        torn = cut_torn_line(journal)
        size = journal.stat().st_size if journal.exists() else 0
    finally:
        lock.release()
    if torn:
        kept = "lost"
        with contextlib.suppress(OSError):  # the disk may still be full
            append_bytes(journal.with_name(f"{journal.name}{TORN}"), torn + b"\n")
            kept = f"kept in {journal.name}{TORN}"
        message = f"{journal}: the last line was torn, by a full disk or a kill; its {len(torn)} bytes are cut, {kept}"
        print(message, file=sys.stderr, flush=True)
    return size


class WholeLines(JournalFileBackend):
    """Optuna's journal in a file, which never appends to a torn line, and fails as a database does.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path, self._optunas = Path(path), JournalFileSymlinkLock(path)
        self._size = 0  # at the last append, of whole lines, which only grows
        super().__init__(path, lock_obj=self._optunas)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends lines, all or none of which are left if the disk is full.

        Raises:
            StorageInternalError: If they cannot be written, or others were removed.
        """
        try:
            size = cut(self._path, self._optunas)
            if size < self._size:
                raise StorageInternalError(f"{self._path} was emptied or cut while it was used")
            self._size = size
            try:
                super().append_logs(logs)
            except OSError:
                cut(self._path, self._optunas)
                raise
        except OSError as error:
            raise StorageInternalError(str(self._path)) from error

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Reads the lines after the first ones.

        Raises:
            StorageInternalError: If the file was removed, or damaged.
        """
        try:
            yield from super().read_logs(log_number_from)
        except OSError as error:
            raise StorageInternalError(str(self._path)) from error
        except ValueError:
            raise StorageInternalError(f"{self._path} is damaged") from None


def _check(journal: Path) -> None:
    """Rejects a journal that is damaged before its last line, which may be torn."""
    with journal.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                if line.endswith(b"\n"):
                    json.loads(line)
            except (ValueError, RecursionError):
                raise UserError(
                    f"{journal} is damaged in line {number}; restore a copy, cut the file before that line, or choose "
                    "another sweep.name"
                ) from None


def set_aside(folder: Path, num_trials: int) -> None:
    """Moves away what has the name of a trial that the study does not have: it was emptied, cut, or removed.

    New trials get their numbers, and must not be mixed up with them.

    Args:
        folder: The sweep's folder.
        num_trials: How many trials the study has.

    Raises:
        UserError: If a process is working in one of them.
    """
    names = sorted(path.name for path in folder.iterdir())
    unknown = [name for name in names if (start := TRIAL.match(name)) and int(start.group(1)) >= num_trials]
    if not unknown:
        return
    number = next(number for number in range(1, 10**6) if not os.path.lexists(folder / f"earlier-{number}"))
    aside = folder / f"earlier-{number}"
    for name in unknown:
        with locked(RunFolder(folder / name)) if (folder / name).is_dir() else contextlib.nullcontext():
            aside.mkdir(exist_ok=True)
            (folder / name).rename(aside / name)
    print(f"the study has {num_trials} trials; {len(unknown)} runs here are of others, and were moved to {aside}")
