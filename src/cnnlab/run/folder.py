"""A run's folder: its files, and the status that they imply. `claim.py` has which process may use it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import cnnlab.experiment.targets  # noqa: F401  what a recorded config may read from the environment
from cnnlab.errors import UserError
from cnnlab.experiment.composed import refers_to_hydra, texts, with_recorded_hydra
from cnnlab.file_errors import why_unreadable
from cnnlab.files import is_locked, read_file
from cnnlab.run.record import RecordError, read_record
from cnnlab.run.status import Status

LOCK = ".lock"
RECORDS = ("overrides", "config", "hydra")  # in .hydra/
# what is read of Hydra's record, so that a record without it is no error
ABSENT = {
    "runtime": {"config_sources": [], "cwd": "."},
    "job": {"config_name": None},
    "overrides": {"hydra": []},
}
PRE_RUN_FILES = {".hydra", "run.log", LOCK}  # what remains if the process is killed before the run starts
RESULT_MAX_BYTES = 1 << 22


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
        return [run for run in cls.subfolders_of(folder) if run.has_result]

    @classmethod
    def subfolders_of(cls, folder: Path) -> list["RunFolder"]:
        """The folders directly inside a folder that are not hidden, by name, whatever is in them.

        Args:
            folder: Of a sweep, or of single runs.

        Raises:
            OSError: If it cannot be read; a folder that is missing has none.
        """
        try:
            with os.scandir(folder) as entries:
                names = sorted(each.name for each in entries if not each.name.startswith(".") and _is_folder(each))
        except FileNotFoundError:
            return []
        return [cls(Path(folder, name)) for name in names]

    def __str__(self) -> str:
        return str(self.path)

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint of the last epoch, or of the step at which the run was interrupted."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def previous_checkpoint(self) -> Path:
        """The checkpoint before the last, which replaces one that is damaged."""
        return self.last_checkpoint.with_name("previous.ckpt")

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to resume from; if not, a resumed run starts at its first epoch."""
        return self.last_checkpoint.exists() or self.previous_checkpoint.exists()

    @property
    def best_checkpoint(self) -> Path:
        """The checkpoint of the best validation epoch, with select=best."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def metrics_csv(self) -> Path:
        """The metrics, one row per epoch."""
        return self.path / "metrics.csv"

    @property
    def predictions(self) -> Path:
        """The predictions for the test images."""
        return self.path / "predictions.npz"

    @property
    def result_json(self) -> Path:
        """The result, written last."""
        return self.path / "result.json"

    @property
    def has_result(self) -> bool:
        """Whether there is a result.json, whatever is in it."""
        return os.path.lexists(self.result_json)

    @property
    def has_started(self) -> bool:
        """Whether a run has started here: Hydra writes overrides.yaml last of its files, before the run writes any."""
        record = self._record("overrides")
        try:
            return record.is_file() and record.stat().st_size > 0
        except OSError:
            return False  # unreadable

    @property
    def is_running(self) -> bool:
        """Whether a process runs here now; a process on another machine is seen if the file system shares locks."""
        return is_locked(self.path / LOCK)

    @property
    def status(self) -> Status | None:
        """Killed if the run started, does not run now and has no result; None if it never started."""
        status = self.status_without_lock
        is_open = status is not None and not status.is_final
        return Status.RUNNING if is_open and self.is_running else status

    @property
    def status_without_lock(self) -> Status | None:
        """The status that the files imply, for the process that holds the lock."""
        if not self.has_started:
            return None
        result = self.result()
        return Status.KILLED if result is None else Status(result["status"])

    @property
    def absence(self) -> str:
        """Why there is no run in this folder, and what to do: the end of a sentence."""
        return self.remains or "no run there; it must be a run folder, such as outputs/runs/<time>-<name>"

    @property
    def unreadable(self) -> str | None:
        """Why this user cannot read the folder's records, and what to do: the end of a sentence; None if they can."""
        records = [self._record(name) for name in RECORDS]
        return next(filter(None, map(why_unreadable, (self.path, *records, self.result_json))), None)

    @property
    def remains(self) -> str | None:
        """Why a folder that a run has left cannot be used, and what to do; None if nothing of a run is there."""
        if (reason := self.unreadable) is not None:
            return reason
        names = self.names()
        if ".hydra" in names and names <= PRE_RUN_FILES:
            return f"its run was killed before it started; start it again, with hydra.run.dir={self}"
        if names & {"result.json", "metrics.csv", "checkpoints"}:
            record = self._record("overrides")
            return f"{record} is missing or no file, so what was run is unknown; start a new run"
        return None

    @property
    def error(self) -> str:
        """The one-line error in result.json; empty if there is none."""
        return str((self.result() or {}).get("error") or "")

    @property
    def fallback(self) -> str | None:
        """The data set that replaced the requested one, if that was unavailable; else None."""
        data = (self.result() or {}).get("data")
        return str(data.get("name")) if isinstance(data, dict) and "instead_of" in data else None

    def result(self) -> dict[str, Any] | None:
        """The content of result.json; None if it is missing or damaged."""
        try:
            result = json.loads(read_file(self.result_json, RESULT_MAX_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        is_result = isinstance(result, dict) and result.get("status") in Status.recorded()
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
        overrides = self._load("overrides")
        if not isinstance(overrides, ListConfig) or not all(isinstance(text, str) for text in texts(overrides)):
            raise self._damaged("overrides", "not a list of overrides")
        return texts(overrides)

    def hydra(self) -> DictConfig:
        """The recorded part `hydra` of the composed config.

        Raises:
            UserError: If the record is damaged.
        """
        hydra = OmegaConf.create(ABSENT)
        if not self._record("hydra").is_file():
            return hydra
        recorded = self._load("hydra")
        try:
            hydra.merge_with(recorded.hydra)
            sources, cwd, typed = hydra.runtime.config_sources, hydra.runtime.cwd, hydra.overrides.hydra
            entries = [source[key] for source in sources for key in ("provider", "schema", "path")]
            if not isinstance(typed, ListConfig) or not all(isinstance(text, str) for text in (cwd, *entries)):
                raise TypeError("it has another shape")
            hydra.job.get("config_name")
            return hydra
        except (AttributeError, LookupError, TypeError, ValueError, AssertionError, OmegaConfBaseException) as error:
            raise self._damaged("hydra", error) from None

    def option_names(self) -> dict[str, Any]:
        """The recorded option of each config group.

        Raises:
            UserError: If the record is missing or damaged.
        """
        node = self._load("hydra")
        for name in ("hydra", "runtime", "choices"):
            node = node.get(name) if isinstance(node, DictConfig) else None
        if not isinstance(node, DictConfig):
            raise self._damaged("hydra", "it lacks hydra.runtime.choices")
        return {str(group): option for group, option in node.items()}

    def names(self) -> set[str]:
        """The names of what is in the folder; empty if there is none."""
        return {path.name for path in self.path.iterdir()} if self.path.is_dir() else set()

    def other_files(self) -> list[str]:
        """What is in the folder that no run leaves before it starts, by name."""
        return sorted(self.names() - PRE_RUN_FILES)

    def _record(self, name: str) -> Path:
        return self.path / ".hydra" / f"{name}.yaml"

    def _load(self, name: str) -> Any:
        try:
            return read_record(self._record(name))
        except RecordError as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, reason: object) -> UserError:
        if (why := why_unreadable(self._record(name))) is not None:
            return UserError(why)
        text = " ".join(str(reason).split())
        return UserError(f"{self._record(name)} is damaged or missing ({text}); start a new run")


def find_runs(outputs: Path) -> Iterator[RunFolder]:
    """The run folders with a result in an outputs folder: single runs, sweeps and their trials, latest first."""
    places = ("runs/[!.]*", "sweeps/[!.]*/[!.]*", "sweeps/[!.]*/[!.]*/[!.]*")
    paths = (path for place in places for path in outputs.glob(f"{place}/result.json"))
    for path in sorted(paths, key=_modified, reverse=True):
        yield RunFolder(path.parent)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads nowhere


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # just removed
