"""A run's folder: its files, and the status that they imply."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cnnlab.errors import UserError
from cnnlab.experiment.composed import refers_to_hydra, texts, with_recorded_hydra
from cnnlab.files import try_lock
from cnnlab.run.status import Status

LOCK = ".lock"
# what is read of Hydra's record, so that a record without it is no error
ABSENT = {
    "runtime": {"config_sources": [], "cwd": "."},
    "job": {"config_name": None},
    "overrides": {"hydra": []},
}
PRE_RUN_FILES = {".hydra", "run.log", LOCK}  # what remains if the process is killed before the run starts
_CLAIMED: list[BaseFileLock] = []  # released when the process ends


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))  # a string will do

    @classmethod
    def all_in(cls, folder: Path) -> list["RunFolder"]:
        """The run folders directly inside a folder that have a result, by name."""
        return [cls(path.parent) for path in sorted(folder.glob("*/result.json"))]

    def __str__(self) -> str:
        return str(self.path)

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint of the last epoch, or of the step at which the run was interrupted."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best_checkpoint(self) -> Path:
        """The checkpoint of the best validation epoch, with select=best."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def metrics_csv(self) -> Path:
        """The metrics, one row per epoch."""
        return self.path / "metrics.csv"

    @property
    def result_json(self) -> Path:
        """The result, written last."""
        return self.path / "result.json"

    @property
    def has_started(self) -> bool:
        """Whether a run has started here: Hydra writes overrides.yaml last of its files, before the run writes any."""
        record = self._record("overrides")
        return record.is_file() and record.stat().st_size > 0

    @property
    def status(self) -> Status | None:
        """Killed if the run started but has no result yet, so also while it runs; None if it never started."""
        if not self.has_started:
            return None
        result = self.result()
        return Status.KILLED if result is None else Status(result["status"])

    @property
    def error(self) -> str:
        """The one-line error in result.json; empty if there is none."""
        return str((self.result() or {}).get("error") or "")

    @property
    def fallback(self) -> str | None:
        """The data set that replaced the requested one, if that was unavailable; else None."""
        data = (self.result() or {}).get("data") or {}
        return str(data["name"]) if "instead_of" in data else None

    def result(self) -> dict[str, Any] | None:
        """The content of result.json; None if it is missing or damaged."""
        try:
            result = json.loads(self.result_json.read_text())
        except (OSError, ValueError):
            return None
        is_result = isinstance(result, dict) and result.get("status") in list(Status)
        return result if is_result else None

    def config(self) -> DictConfig:
        """The recorded composed config; its `${hydra:…}` have the values of this run.

        Raises:
            UserError: If the record is missing or damaged.
        """
        config = self._load("config")
        if not isinstance(config, DictConfig):
            raise self._damaged("config", "not a mapping")
        if not refers_to_hydra(config) or not self._record("hydra").is_file():
            return config
        hydra = self.hydra()
        try:
            hydra.runtime.output_dir = str(self.path.absolute())  # it may have been moved
            return with_recorded_hydra(config, hydra)
        except (AttributeError, ValueError, OmegaConfBaseException) as error:
            raise self._damaged("hydra", error) from None

    def overrides(self) -> list[str]:
        """The recorded overrides.

        Raises:
            UserError: If the record is missing or damaged.
        """
        try:
            return texts(self._load("overrides"))
        except TypeError as error:
            raise self._damaged("overrides", error) from None

    def hydra(self) -> DictConfig:
        """The recorded part `hydra` of the composed config.

        Raises:
            UserError: If the record is damaged.
        """
        hydra = OmegaConf.create(ABSENT)
        if not self._record("hydra").is_file():
            return hydra
        try:
            hydra.merge_with(self._load("hydra").hydra)
            sources, cwd, typed = hydra.runtime.config_sources, hydra.runtime.cwd, hydra.overrides.hydra
            entries = [source[key] for source in sources for key in ("provider", "schema", "path")]
            if not isinstance(typed, ListConfig) or not all(isinstance(text, str) for text in (cwd, *entries)):
                raise TypeError("it has another shape")
            hydra.job.get("config_name")
            return hydra
        except (AttributeError, LookupError, TypeError, ValueError, AssertionError, OmegaConfBaseException) as error:
            raise self._damaged("hydra", error) from None

    def option_names(self) -> dict[str, Any]:
        """The recorded option of each config group."""
        return dict(self._load("hydra").hydra.runtime.choices)

    def claim(self, *, resume: bool) -> None:
        """Creates the folder and locks it until the process ends, so that no other run can use it.

        Args:
            resume: Whether to resume the run in it.

        Raises:
            UserError: If the folder belongs to another run.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not resume and not (self.path / LOCK).exists():
                self._check_free()  # no lock is left in a folder of something else
            lock = try_lock(self.path / LOCK)
        except OSError as error:
            raise UserError(
                f"cannot create the run folder {self}: {error.strerror}; choose another with hydra.run.dir=…"
            ) from None
        if lock is None:
            raise UserError(f"another process is using {self}; wait for it, or stop it")
        if not resume:
            try:
                self._check_free()
            except UserError:
                lock.release()
                raise
        _CLAIMED.append(lock)

    def clear(self) -> None:
        """Removes a run that failed, or was killed before it started, to make room for a new run; nothing else."""
        names = self._names()
        if names and (self.status is Status.FAILED or (not self.has_started and names <= PRE_RUN_FILES)):
            shutil.rmtree(self.path)

    def _check_free(self) -> None:
        if self.has_started or not self._names() <= PRE_RUN_FILES:
            raise UserError(
                f"{self} is not empty, and runs cannot share a folder; choose another hydra.run.dir, or "
                f"resume the run in it: resume={self}"
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
    """The run folders with a result in an outputs folder, of single runs and of sweeps, latest first."""
    paths = [*outputs.glob("runs/*/result.json"), *outputs.glob("sweeps/*/*/result.json")]
    for path in sorted(paths, key=_modified, reverse=True):
        yield RunFolder(path.parent)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # just removed
