"""A run's folder: what is in it, and what it says of the run."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from cnnlab.errors import UserError
from cnnlab.files import try_lock
from cnnlab.run.status import Status

LOCK = ".lock"
BEFORE_A_RUN = {".hydra", "run.log", LOCK}  # what a process leaves that is killed before the run has begun
_CLAIMED: list[BaseFileLock] = []  # released by the end of the process


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def all_in(cls, folder: Path) -> list["RunFolder"]:
        """The run folders with a result directly inside a folder, by name."""
        return [cls(path.parent) for path in sorted(folder.glob("*/result.json"))]

    def __str__(self) -> str:
        return str(self.path)

    @property
    def last_checkpoint(self) -> Path:
        """Of the last epoch, or of the step at which the run was interrupted."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best_checkpoint(self) -> Path:
        """Of the best validation epoch, with select=best."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def metrics_csv(self) -> Path:
        """A row an epoch."""
        return self.path / "metrics.csv"

    @property
    def result_json(self) -> Path:
        """Written last."""
        return self.path / "result.json"

    @property
    def has_begun(self) -> bool:
        """Whether a run began here: Hydra records the overrides last, before anything else is written."""
        record = self._record("overrides")
        return record.is_file() and record.stat().st_size > 0

    @property
    def status(self) -> Status | None:
        """What became of the run: killed if it began and left no result, None if it never began."""
        if not self.has_begun:
            return None
        result = self.result()
        return Status.KILLED if result is None else Status(result["status"])

    @property
    def error(self) -> str:
        """The one-line reason in result.json; empty if there is none."""
        return str((self.result() or {}).get("error") or "")

    @property
    def fallback(self) -> str | None:
        """The data set that replaced the requested one, which was unavailable; None if none did."""
        data = (self.result() or {}).get("data") or {}
        return str(data["name"]) if "instead_of" in data else None

    def result(self) -> dict[str, Any] | None:
        """The content of result.json; None while there is none, or if it is damaged."""
        try:
            result = json.loads(self.result_json.read_text())
        except (OSError, ValueError):
            return None
        is_result = isinstance(result, dict) and result.get("status") in list(Status)
        return result if is_result else None

    def config(self) -> DictConfig:
        """The composed config, as it was recorded.

        Raises:
            UserError: If the record is missing or damaged.
        """
        config = self._load("config")
        if not isinstance(config, DictConfig):
            raise self._damaged("config", "not a mapping")
        return config

    def overrides(self) -> list[str]:
        """What was typed.

        Raises:
            UserError: If the record is missing or damaged.
        """
        try:
            return [str(override) for override in self._load("overrides")]
        except TypeError as error:
            raise self._damaged("overrides", error) from None

    def option_names(self) -> dict[str, Any]:
        """The chosen option of each config group."""
        return dict(self._load("hydra").hydra.runtime.choices)

    def claim(self, *, resume: bool) -> None:
        """Makes the folder, and locks it until the process ends: no other run may have it.

        Args:
            resume: Whether the run in it is resumed.

        Raises:
            UserError: If another run has it, now or since before.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not resume and not (self.path / LOCK).exists():
                self._check_free()  # no lock is left in a folder of something else
            lock = try_lock(self.path / LOCK)
        except OSError as error:
            raise UserError(
                f"the run folder {self} cannot be made: {error.strerror}; give another place with hydra.run.dir=…"
            ) from None
        if lock is None:
            raise UserError(f"another process is writing to {self}; wait for it, or stop it")
        if not resume:
            try:
                self._check_free()
            except UserError:
                lock.release()
                raise
        _CLAIMED.append(lock)

    def clear(self) -> None:
        """Makes room for a new run: removes one that failed, or was killed before it began, and nothing else."""
        names = self._names()
        if names and (self.status is Status.FAILED or (not self.has_begun and names <= BEFORE_A_RUN)):
            shutil.rmtree(self.path)

    def _check_free(self) -> None:
        if self.has_begun or not self._names() <= BEFORE_A_RUN:
            raise UserError(
                f"{self} exists and is not empty, and two runs never share a folder; give another hydra.run.dir, or "
                f"resume that run: resume={self}"
            )

    def _names(self) -> set[str]:
        return {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()

    def _record(self, name: str) -> Path:
        return self.path / ".hydra" / f"{name}.yaml"

    def _load(self, name: str) -> Any:
        try:
            return OmegaConf.load(self._record(name))
        except (OSError, ValueError, YAMLError) as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, reason: object) -> UserError:
        text = " ".join(str(reason).split())
        return UserError(f"{self._record(name)} is damaged or missing ({text}); start a new run")


def find_runs(outputs: Path) -> Iterator[RunFolder]:
    """The run folders with a result below an outputs folder, single runs and those of sweeps, latest first."""
    paths = [*outputs.glob("runs/*/result.json"), *outputs.glob("sweeps/*/*/result.json")]
    for path in sorted(paths, key=_modified, reverse=True):
        yield RunFolder(path.parent)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # it has just been removed
