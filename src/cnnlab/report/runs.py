"""The runs in a sweep's folder, as their results tell."""

import io
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlab.errors import UserError
from cnnlab.experiment.axes import MODEL_AXES
from cnnlab.experiment.identity import numeric
from cnnlab.file_errors import remedy, why_unreadable
from cnnlab.files import read_file
from cnnlab.report.run_curve import read_metrics
from cnnlab.run.flaws import find_flaw
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep.current import current_names

PREDICTIONS_MAX_BYTES = 1 << 24
DAMAGES = (OSError, ValueError, LookupError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)
NO_RUNS = {"logs", "report", "tuning"}  # what a sweep's folder has beside its runs' folders
EXAMPLE = "give a sweep's folder, such as outputs/sweeps/optimizers"
UNCOUNTED = ("seed", "callbacks.pruning.")  # a pruner stops a search's trials, each at another epoch


@dataclass(frozen=True)
class LeftOut:
    """What is in a sweep's folder without being counted.

    Attributes:
        path: A folder in it.
        reason: Why it is not counted, in words.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: Its folder.
        result: The content of its result.json.
    """

    path: Path
    result: Mapping[str, Any] = field(repr=False)

    @property
    def status(self) -> Status:
        """What became of it."""
        return Status(self.result["status"])

    @property
    def seed(self) -> int:
        """Its seed."""
        seed = self.result["params"].get("seed", self.result.get("seed"))
        return seed if isinstance(seed, int) else 0

    @property
    def choices(self) -> dict[str, str]:
        """The option of each axis, `"none"` if the model does not use it."""
        return dict(self.result["choices"])

    @cached_property
    def params(self) -> dict[str, Any]:
        """Every value that can change the numbers, except the seed."""
        unused = tuple(f"{axis}." for axis in MODEL_AXES if self.result["choices"].get(axis) == "none")
        return {
            name: value
            for name, value in numeric(dict(self.result["params"])).items()
            if not name.startswith((*UNCOUNTED, *unused))
        }

    @cached_property
    def code(self) -> dict[str, str]:
        """What computed it, as far as it says: versions of packages, kernels, device, commit; and from what data."""
        versions, machine = (self.result.get(name) for name in ("versions", "machine"))
        found = {str(name): value for name, value in versions.items()} if isinstance(versions, dict) else {}
        if isinstance(machine, dict):
            found["kernels"] = machine.get("kernels")
        found |= {"device": str(self.result.get("device") or "").partition(":")[0], "commit": self.result.get("commit")}
        found["data"] = self.result["data"].get("name")
        return {name: str(value) for name, value in found.items() if value}

    @cached_property
    def typed(self) -> dict[str, str]:
        """The overrides that were typed for it, or that its sweep has set: name to value."""
        pairs = (str(text).lstrip("+~").partition("=") for text in self.result["overrides"])
        return {name: value for name, mark, value in pairs if mark}

    def metric(self, name: str) -> float | None:
        """A final metric, such as `test/acc`; None unless the run has completed and measured it."""
        value = self.result["metrics"].get(name) if self.status is Status.COMPLETED else None
        return None if value is None else float(value)

    def seconds(self, name: str) -> float | None:
        """Seconds of a part of the run, such as `fit`."""
        value = self.result["seconds"].get(name)
        return None if value is None else float(value)

    @cached_property
    def epochs(self) -> dict[str, list[float]]:
        """The columns of its metrics.csv; empty if that cannot be read."""
        try:
            return read_metrics(self.path)
        except UserError:
            return {}

    def predictions(self) -> "Predictions | None":
        """Its predictions for the test images; None if it has saved none, or they are damaged."""
        try:
            content = io.BytesIO(read_file(RunFolder(self.path).predictions, PREDICTIONS_MAX_BYTES))
            with zipfile.ZipFile(content) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > PREDICTIONS_MAX_BYTES:
                    return None
            with np.load(content, allow_pickle=False) as arrays:
                found = Predictions(arrays["predicted"], arrays["label"], arrays["probability"])
        except DAMAGES:
            return None
        shapes = {part.shape for part in (found.predicted, found.label, found.probability)}
        return found if len(shapes) == 1 and found.label.ndim == 1 else None


@dataclass(frozen=True)
class Predictions:
    """A run's predictions for the test images, in the order of the data set.

    Attributes:
        predicted: The predicted classes, (N,).
        label: The true classes, (N,).
        probability: Of the true class, (N,).
    """

    predicted: NDArray[Any]
    label: NDArray[Any]
    probability: NDArray[Any]

    @property
    def is_correct(self) -> NDArray[np.bool_]:
        """Which images were recognised, (N,)."""
        return np.asarray(self.predicted == self.label)


def read_runs(folder: Path) -> tuple[list[Run], list[LeftOut]]:
    """The runs in a sweep's folder that have a result, of each job one, and what is left out.

    Args:
        folder: The sweep's folder.

    Raises:
        UserError: If there are none.
    """
    _check_folder(folder)
    found: list[Run] = []
    left_out: list[LeftOut] = []
    for run_folder in _subfolders(folder):
        if not run_folder.has_result:
            if run_folder.path.name not in NO_RUNS:
                left_out.append(LeftOut(run_folder.path, _why_without_result(run_folder)))
            continue
        result = run_folder.result()
        flaw = "it is not readable, or has no status" if result is None else find_flaw(result)
        if flaw is None and result is not None and not result["params"]:  # it failed before they were known
            flaw = f"it does not say what was run ({result['status']})"
        if flaw is None and result is not None:
            found.append(Run(run_folder.path, result))
        else:
            left_out.append(LeftOut(run_folder.path, f"its result.json: {flaw}"))
    if not found:
        raise UserError(_why_none(folder, left_out))
    current = current_names(folder, (run.path.name for run in found))
    replaced = [run for run in found if run.path.name not in current]
    left_out += [LeftOut(run.path, "the last command gave its job another config") for run in replaced]
    return [run for run in found if run.path.name in current], left_out


def _check_folder(folder: Path) -> None:
    """Rejects what cannot be a sweep's folder."""
    if not os.path.lexists(folder):
        raise UserError(f"{folder} does not exist; {EXAMPLE}")
    if (reason := why_unreadable(folder)) is not None:
        raise UserError(reason)
    if not folder.is_dir():
        raise UserError(f"{folder} is {'a file' if folder.is_file() else 'no folder'}; {EXAMPLE}")


def _subfolders(folder: Path) -> list[RunFolder]:
    try:
        return RunFolder.subfolders_of(folder)
    except OSError as error:
        raise UserError(f"cannot read {folder} ({error.strerror}); {remedy(error)}") from None


def _why_without_result(folder: RunFolder) -> str:
    """What is in a subfolder that has no result.json."""
    if (reason := folder.unreadable) is not None:
        return reason
    if folder.is_running:
        return "still running, without a result yet"
    if folder.has_started:
        return "killed before it had a result"
    return "killed before it started" if ".hydra" in folder.names() else "not a run: it has no result.json"


def _why_none(folder: Path, left_out: Sequence[LeftOut]) -> str:
    """What a folder without finished runs is, and what to do."""
    itself = RunFolder(folder)
    if itself.has_result or itself.has_started:
        return f"{folder} is one run; give the sweep's folder, its parent: {folder.absolute().parent}"
    if _is_sweep(folder):
        more = f", and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        first = f" ({left_out[0].path.relative_to(folder)}: {left_out[0].reason}{more})" if left_out else ""
        return f"{folder} has no finished runs{first}; start its command again, or give another sweep's folder"
    near = next(filter(_is_sweep, (folder.absolute().parent, *sorted(folder.glob("[!.]*")))), None)
    place = EXAMPLE if near is None else f"give a sweep's folder, such as {near}"
    return f"{folder} has no finished runs; {place}"


def _is_sweep(folder: Path) -> bool:
    return (folder / "multirun.yaml").is_file()
