"""Which process may use a run's folder: claiming it for a run, locking it, and clearing it for a new run."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock

from cnnlab.errors import UserError
from cnnlab.files import irregular, temporary_of, try_lock
from cnnlab.run.folder import LOCK, PRE_RUN_FILES, RunFolder
from cnnlab.run.status import Status

LOG = "run.log"  # a file that is there is appended to; all others are replaced
FOLDERS = (".hydra", "checkpoints", "pictures")
FILES = (
    LOCK,
    LOG,
    "metrics.csv",
    "predictions.npz",
    "result.json",
    *(f"checkpoints/{name}.ckpt" for name in ("last", "previous", "best")),
)
RUN_NAMES = {*FOLDERS, *(name.partition("/")[0] for name in FILES)}
REMOVED = ".removed-"  # starts the name of a folder that is being removed
_CLAIMED: list[BaseFileLock] = []  # released when the process ends


def check_name(folder: Path) -> None:
    """Rejects a run's or a sweep's folder with a name that TensorBoard, or the system, cannot write.

    Args:
        folder: The folder; it need not exist.

    Raises:
        UserError: If a part of its path is not UTF-8.
    """
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{folder.absolute()} has characters that are not UTF-8; rename the folder, choose another with "
            "hydra.run.dir or hydra.sweep.dir, or set LC_ALL=C.UTF-8 if the terminal shows them"
        ) from None


def claim(folder: RunFolder, *, resume: bool) -> None:
    """Creates the folder and locks it until the process ends, so that no other run can use it.

    Args:
        folder: The run's folder, which need not exist.
        resume: Whether to resume the run in it.

    Raises:
        UserError: If the folder belongs to another run, or the run could not write in it, or would write elsewhere.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        if not resume and folder.names() - RUN_NAMES:
            _check_free(folder)  # first: in a folder of something else, no file of it is in the way
        check_entries(folder)
        if not resume and not (folder.path / LOCK).exists():
            _check_free(folder)  # no lock is left in a folder of something else
        lock = try_lock(folder.path / LOCK)
    except OSError as error:
        name = f": {error.filename}" if error.filename not in (None, str(folder.path)) else ""
        raise _unusable(folder, f"{error.strerror}{name}", resume=resume) from None
    if lock is None:
        raise UserError(f"another process is using {folder}; wait for it, or stop it")
    try:
        if not resume:
            _check_free(folder)
        _check_writable(folder, resume=resume)
    except UserError:
        lock.release()
        raise
    _CLAIMED.append(lock)


def clear(folder: RunFolder) -> None:
    """Removes a run that failed, or was killed before it started, to make room for a new run; nothing else.

    Args:
        folder: The run's folder, which need not exist.

    Raises:
        UserError: If a process is working in the folder, on a run that is resumed by hand, for example.
    """
    if not _can_be_cleared(folder):
        return
    with locked(folder):
        if _can_be_cleared(folder):  # and still can, now that nobody else can start there
            remains = folder.path.with_name(f"{REMOVED}{uuid.uuid4().hex}")
            folder.path.rename(remains)  # first, so that a kill leaves no half of a run
            if remains.is_symlink():
                remains.unlink()  # what it names is left alone
            else:
                shutil.rmtree(remains)


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Keeps other processes from using the folder.

    Args:
        folder: The run's folder, which must exist.

    Raises:
        UserError: If a process is working in it.
    """
    lock = try_lock(folder.path / LOCK)
    if lock is None:
        raise UserError(f"another process is using {folder}; wait for it, or stop it")
    try:
        yield
    finally:
        lock.release()


def _can_be_cleared(folder: RunFolder) -> bool:
    names = folder.names()
    is_unused = bool(names) and not folder.has_started and names <= PRE_RUN_FILES
    return is_unused or folder.status_without_lock is Status.FAILED


def check_entries(folder: RunFolder) -> None:
    """Rejects what would make the run write into another folder, or wait for ever, or fail at its end.

    Args:
        folder: The run's folder.

    Raises:
        UserError: With the path, and what it is.
    """
    if found := next(iter(irregular(folder.path)), None):
        path, what = found
        raise UserError(f"{path} is {what}, and a run writes into files in its own folder only; remove it")
    files = [folder.path / name for name in FILES]
    files += [temporary_of(path) for path in files]
    folders = [folder.path / name for name in FOLDERS]
    for paths, word, is_right in ((folders, "folder", Path.is_dir), (files, "file", Path.is_file)):
        for path in paths:
            if os.path.lexists(path) and not is_right(path):  # also a link to nothing
                raise UserError(f"{path} must be a {word}, and is not; remove it")


def _check_writable(folder: RunFolder, *, resume: bool) -> None:
    """Rejects a folder in which this user cannot write, and a log to which they cannot append."""
    for path in (folder.path, *(folder.path / name for name in FOLDERS), folder.path / LOG):
        needed = os.W_OK | (os.X_OK if path.is_dir() else 0)
        if path.exists() and not os.access(path, needed):
            raise _unusable(folder, f"{path.name} is read-only", resume=resume)


def _check_free(folder: RunFolder) -> None:
    if folder.has_started:
        way_on = f"choose another hydra.run.dir, or resume the run in it: resume={folder}"
    elif others := folder.other_files():
        way_on = f"choose another hydra.run.dir, or move away {others[0]}"
    else:
        return
    raise UserError(f"{folder} is not empty, and runs cannot share a folder; {way_on}")


def _unusable(folder: RunFolder, reason: str, *, resume: bool) -> UserError:
    if resume:
        return UserError(
            f"cannot write in the run folder {folder}: {reason}; change its permissions, or resume a copy of it"
        )
    return UserError(f"cannot create the run folder {folder}: {reason}; choose another with hydra.run.dir=…")
