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
    """`python PROGRAM ARGUMENT …`, for a run that begins or one that goes on: that is seen when and where it starts.

    Attributes:
        job: The run.
        program: The script.
        arguments: Of a run that begins.
    """

    job: Job
    program: Path
    arguments: tuple[str, ...]

    def prepare(self) -> list[str]:
        """Makes room for a run that begins, or finds one to go on with.

        Returns:
            The arguments as they have to be.
        """
        if self.job.is_stopped:
            return [*self.arguments, f"{KEY}{quote(self.job.folder)}"]
        self.job.clear()
        return list(self.arguments)

    def typed(self, arguments: list[str]) -> str:
        """The line that the log has before the command's output: as it would be typed."""
        return f"{PROMPT}{program(self.program.name)} {shlex.join(arguments)}"
