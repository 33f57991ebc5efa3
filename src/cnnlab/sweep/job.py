"""One run of a sweep."""

from dataclasses import dataclass
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
    """

    name: str
    overrides: tuple[str, ...]
    folder: RunFolder

    @classmethod
    def in_sweep(cls, sweep: Path, name: str, overrides: tuple[str, ...]) -> "Job":
        """The job with this name in a sweep's folder."""
        return cls(name, overrides, RunFolder(sweep / name))

    @property
    def log(self) -> Path:
        """The file to which the output of its processes is appended."""
        return self.folder.path.parent / LOGS / f"{self.name}.log"
