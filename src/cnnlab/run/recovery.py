"""The way on for a run whose files cannot be written, on one line."""

import os
import shlex
from pathlib import Path

from cnnlab.file_errors import NO_ROOM, remedy
from cnnlab.program import program
from cnnlab.run.folder import RunFolder
from cnnlab.run.summary import short_path


def resume_command(folder: RunFolder) -> str:
    """The command that resumes a run, as the user may type it."""
    return f"{program()} resume={shlex.quote(short_path(folder))}"


def explain_write_error(error: OSError, folder: RunFolder) -> str | None:
    """The line for a file of a run's that cannot be written; None if it is something else, or nothing can be resumed.

    Args:
        error: As raised by the run.
        folder: The run's folder.
    """
    if not folder.path.exists():
        return f"{folder} was removed while its run was at work; start the run again"
    name = error.filename
    is_own = isinstance(name, str | bytes) and Path(os.fsdecode(name)).is_relative_to(folder.path)
    if folder.has_checkpoint and (is_own or error.errno in NO_ROOM):
        return f"cannot write the run's files: {way_on(error, folder)}"
    return None


def way_on(error: OSError, folder: RunFolder) -> str:
    """The system's reason, and the command to type once files can be written again."""
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror}{where}; {remedy(error)}, then resume the run: {resume_command(folder)}"
