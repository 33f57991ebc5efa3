"""One run of a sweep."""

from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.run.folder import RunFolder

LOGS = "logs"  # the folder of the jobs' logs, in a sweep's


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: The swept values, which also name the folder: `optimizer=adam,seed=3`.
        overrides: All overrides of the run.
        folder: The run folder.
        number: Its position in the sweep, from 0: `${hydra:job.num}`.
    """

    name: str
    overrides: tuple[str, ...]
    folder: RunFolder
    number: int = field(default=0, compare=False)

    @classmethod
    def in_sweep(cls, sweep: Path, name: str, overrides: tuple[str, ...], number: int = 0) -> "Job":
        """The job with this name in a sweep's folder."""
        return cls(name, overrides, RunFolder(sweep / name), number)

    @property
    def log(self) -> Path:
        """The file to which the output of its processes is appended."""
        return self.folder.path.parent / LOGS / f"{self.name}.log"
