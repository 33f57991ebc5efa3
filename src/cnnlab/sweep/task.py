"""A job as the command that runs it."""

import contextlib
import shlex
from dataclasses import dataclass
from pathlib import Path

from cnnlab.files import read_text, write_atomically
from cnnlab.program import program
from cnnlab.run.claim import clear, locked
from cnnlab.run.folder import RunFolder
from cnnlab.run.resumable import KEY
from cnnlab.run.resume import quote
from cnnlab.run.status import Status
from cnnlab.sweep.job import Job

COMMAND_PREFIX = "$ "
RETRIED = ".retried"  # in a run's folder: the step of the failure from which it was last resumed


@dataclass(frozen=True)
class Task:
    """`python PROGRAM ARGUMENT …`; whether it starts or resumes the run is decided where and when it is executed.

    Attributes:
        job: The job that it runs.
        program: The script.
        arguments: The arguments that start a new run.
    """

    job: Job
    program: Path
    arguments: tuple[str, ...]

    def prepare(self) -> list[str]:
        """Clears the folder for a new run, unless there is a run to resume.

        Returns:
            The arguments that start or resume the run.

        Raises:
            UserError: If another process is using the folder.
        """
        folder = self.job.folder
        if _can_resume(folder):
            return [*self.arguments, f"{KEY}{quote(folder.path)}"]
        clear(folder)
        return list(self.arguments)

    def log_line(self, arguments: list[str]) -> str:
        """The command as a user would type it, which the log has before the command's output."""
        return f"{COMMAND_PREFIX}{program(self.program.name)} {shlex.join(arguments)}"


def _can_resume(folder: RunFolder) -> bool:
    """Whether a run resumes; one that failed twice at the same step starts over, since its checkpoint may be why."""
    status = folder.status_without_lock
    if status is not Status.FAILED:
        return status is not None and status.can_resume
    if not folder.has_checkpoint:
        return False
    step, record = str((folder.result() or {}).get("steps")), folder.path / RETRIED
    with locked(folder):  # a run that is resumed by hand at this time is not tried here
        with contextlib.suppress(OSError):  # there is none, or the disk is full
            if read_text(record) == step:
                return False
        with contextlib.suppress(OSError):
            write_atomically(record, step.encode())
    return True
