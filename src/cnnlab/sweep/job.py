"""One run of a sweep."""

from dataclasses import dataclass
from pathlib import Path

from cnnlab.run.folder import RunFolder


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: What is swept, as the folder's name has it: `optimizer=adam,seed=3`.
        overrides: All that a run of it is started with.
        folder: Its run folder.
    """

    name: str
    overrides: tuple[str, ...]
    folder: RunFolder

    @classmethod
    def in_sweep(cls, sweep: Path, name: str, overrides: tuple[str, ...]) -> "Job":
        """The job of that name in a sweep's folder."""
        return cls(name, overrides, RunFolder(sweep / name))

    @property
    def log(self) -> Path:
        """What its processes print is appended here."""
        return self.folder.path.parent / "logs" / f"{self.name}.log"
