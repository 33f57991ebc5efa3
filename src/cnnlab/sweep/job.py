"""One run of a sweep, and what its folder tells of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import EXIT_CODES
from cnnlab.run.result import read_result

FINAL = tuple(EXIT_CODES)  # statuses with which nothing is left to do


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
    folder: Path

    @property
    def log(self) -> Path:
        """What its processes print is appended here."""
        return self.folder.parent / "logs" / f"{self.name}.log"

    @property
    def status(self) -> str | None:
        """Of its run: as in result.json, `"killed"` if it began and wrote none, None if it never began."""
        record = self.folder / ".hydra" / "overrides.yaml"  # written last
        if not record.is_file() or record.stat().st_size == 0:
            return None
        result = read_result(self.folder)
        return "killed" if result is None else str(result["status"])

    @property
    def is_stopped(self) -> bool:
        """Whether a run began and can go on."""
        return self.status in ("killed", "interrupted")

    def clear(self) -> None:
        """Makes room for a run that begins: takes away one that failed, or was killed before it recorded itself."""
        names = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        if names and (self.status == "failed" or names <= {".hydra", "run.log"}):
            shutil.rmtree(self.folder)

    @property
    def stand_in(self) -> str | None:
        """The data set that it really used, where that is not the one that was asked for."""
        data = (read_result(self.folder) or {}).get("data") or {}
        return str(data["name"]) if "instead_of" in data else None

    @property
    def error(self) -> str:
        """The one-line reason in result.json; empty without one."""
        result = read_result(self.folder)
        return "" if result is None else str(result["error"] or "")
