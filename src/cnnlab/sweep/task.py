"""A job as the command that runs it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cnnlab.program import program
from cnnlab.run.resumable import KEY
from cnnlab.run.resume import quote
from cnnlab.sweep.job import Job

COMMAND_PREFIX = "$ "


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
        """
        folder = self.job.folder
        if folder.status is not None and folder.status.can_resume:
            return [*self.arguments, f"{KEY}{quote(folder.path)}"]
        folder.clear()
        return list(self.arguments)

    def log_line(self, arguments: list[str]) -> str:
        """The command as a user would type it, which the log has before the command's output."""
        return f"{COMMAND_PREFIX}{program(self.program.name)} {shlex.join(arguments)}"
