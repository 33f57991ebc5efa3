"""The way on for a run whose files cannot be read or written, on one line."""

import os
import shlex
from pathlib import Path

from cnnlab.file_errors import NO_ROOM, remedy
from cnnlab.program import program
from cnnlab.run.checkpoints import Checkpoints
from cnnlab.run.folder import RunFolder
from cnnlab.run.summary import short_path
from cnnlab.training.checkpoint import CheckpointError
from cnnlab.training.history import Row


def resume_command(folder: RunFolder) -> str:
    """The command that resumes a run, as the user may type it."""
    return f"{program()} resume={shlex.quote(short_path(folder))}"


def removed(folder: RunFolder) -> str:
    """What to do if the folder is gone."""
    return f"{folder} was removed while its run was at work; start the run again"


def explain_file_error(error: BaseException, folder: RunFolder) -> str | None:
    """The line for a file of a run's that cannot be used; None if it is something else, or nothing can be resumed.

    Args:
        error: As raised by the run.
        folder: The run's folder.
    """
    if isinstance(error, OSError | CheckpointError) and not folder.path.exists():
        return removed(folder)
    if not isinstance(error, OSError):
        return None
    name = error.filename
    is_own = isinstance(name, str | bytes) and Path(os.fsdecode(name)).is_relative_to(folder.path)
    if folder.has_checkpoint and (is_own or error.errno in NO_ROOM):
        return f"cannot write the run's files: {way_on(error, folder)}"
    return None


def way_on(error: OSError, folder: RunFolder) -> str:
    """The system's reason, and the command to type once files can be written again."""
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{where}; {remedy(error)}, then resume the run: {resume_command(folder)}"


def lost_in_test(error: CheckpointError, checkpoints: Checkpoints, best: Row | None) -> CheckpointError:
    """The error of a checkpoint that was lost during the test; often a resume restores it, and only tests again.

    Args:
        error: Lightning's, or ours, which advises to start over.
        checkpoints: The run's.
        best: The best epoch's row.
    """
    folder = checkpoints.folder
    try:
        if folder.has_checkpoint:  # else a resume starts at the first epoch
            checkpoints.latest()
            checkpoints.check_best(best)
    except (CheckpointError, OSError):
        return error
    return CheckpointError(error.path, error.reason, f"resume the run: {resume_command(folder)}")
