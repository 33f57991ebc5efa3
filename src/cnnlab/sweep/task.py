"""A job as the command that runs it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from cnnlab.program import program
from cnnlab.run.resume import KEY, quote
from cnnlab.sweep.job import Job

PROMPT = "$ "


@dataclass(frozen=True)
class Task:
    """`python PROGRAM ARGUMENT …`, for a run that starts or is resumed, which is decided when and where it starts.

    Attributes:
        job: The run.
        program: The script.
        arguments: Of a run that starts.
    """

    job: Job
    program: Path
    arguments: tuple[str, ...]

    def prepare(self) -> list[str]:
        """Makes room for a run that starts, or finds one to resume.

        Returns:
            The arguments as they have to be.
        """
        folder = self.job.folder
        if folder.status is not None and folder.status.can_resume:
            return [*self.arguments, f"{KEY}{quote(folder.path)}"]
        folder.clear()
        return list(self.arguments)

    def typed(self, arguments: list[str]) -> str:
        """The line that the log has before the command's output: as it would be typed."""
        return f"{PROMPT}{program(self.program.name)} {shlex.join(arguments)}"
