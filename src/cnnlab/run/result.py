"""result.json: a run's experiment and its outcome."""

import csv
import io
import json
import math
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.axes import axis_choices
from cnnlab.experiment.identity import fingerprint, flat_params
from cnnlab.files import read_file, write_atomically
from cnnlab.metrics import RESULT_METRICS, SECONDS_TO_TARGET
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status

SCHEMA = 1
METRICS_MAX_BYTES = 1 << 24
EXPERIMENT = ("fingerprint", "choices", "overrides", "params", "seed")
PROGRESS = (  # what a run has done, as opposed to what it is
    *("metrics", "epochs", "steps", "selected_epoch", "seconds", "data", "num_params", "weights_sha256", "device"),
    *("machine", "commit"),
)
VERSIONED = ("cnnlab", "torch", "lightning", "hydra-core", "numpy")


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}}


@dataclass
class Result:
    """The outcome of one run.

    Attributes:
        status: The run's status.
        fingerprint: Hash of every config value that can change the numbers.
        choices: Option of each axis; `none` if the model does not use the axis.
        overrides: The command-line overrides.
        params: Every config value, flat.
        seed: The run's seed.
        metrics: The `RESULT_METRICS`; null if not measured.
        epochs: Completed epochs.
        steps: Optimiser steps.
        selected_epoch: The epoch whose weights were tested, from 1.
        seconds: Wall time of `setup`, `fit` (summed over the processes of a resumed run) and `test`; `to_target`, up to
            the first epoch that reaches the validation accuracy `target`, null if none does.
        data: `name`, `sha256` and the sizes of `train`, `val` and `test`; `instead_of`, if it is a fallback.
        num_params: Trainable parameters.
        weights_sha256: Hash of the tested weights' bits.
        device: The device that trained.
        machine: Its `processor`, the number of `threads`, and whose `kernels` a CPU used, cnnlab's or torch's.
        commit: Of this repository, `-dirty` with uncommitted changes; null without a repository.
        versions: Versions of Python and the main libraries.
        error: One line; null if the run completed.
    """

    status: Status = Status.FAILED
    fingerprint: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    metrics: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(RESULT_METRICS))
    epochs: int = 0
    steps: int = 0
    selected_epoch: int | None = None
    seconds: dict[str, Any] = field(default_factory=lambda: {"setup": 0.0, "fit": 0.0, "test": 0.0, "to_target": None})
    data: dict[str, Any] = field(default_factory=dict)
    num_params: int | None = None
    weights_sha256: str | None = None
    device: str | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    commit: str | None = None
    versions: dict[str, str] = field(default_factory=_versions)
    error: str | None = None

    @classmethod
    def of_experiment(cls, config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> "Result":
        """The result before the run: it only identifies the experiment.

        Args:
            config: The composed config.
            option_names: Hydra's `runtime.choices`.
            overrides: The command-line overrides.
        """
        return cls(
            fingerprint=fingerprint(config),
            choices=axis_choices(config, option_names),
            overrides=overrides,
            params=flat_params(config),
            seed=config.seed,
        )

    @classmethod
    def of_started_run(cls, folder: RunFolder, status: Status, error: str) -> "Result":
        """The result of a run that could not write it: its earlier one, if any, and the epochs in metrics.csv.

        Args:
            folder: The folder of a run that has started.
            status: The run's status.
            error: One line.
        """
        before = folder.result()
        try:
            result = cls.of_experiment(folder.config(), folder.option_names(), folder.overrides())
            result.inherit(before)
        except UserError:  # a damaged record
            if before is None:
                raise
            result = cls()
            result.inherit(before, (*EXPERIMENT, *PROGRESS))
        epochs, steps = _logged_progress(folder)
        result.epochs, result.steps = max(result.epochs, epochs), max(result.steps, steps)
        result.status, result.error = status, error
        return result

    def inherit(self, before: dict[str, Any] | None, names: Iterable[str] = PROGRESS) -> None:
        """Takes over what an earlier process of this run has done, until this process has done as much.

        Args:
            before: The content of its result.json, with any keys; a value of another type is left out. None for none.
            names: The fields.
        """
        before = before or {}
        # with a fallback, the earlier process has recorded the experiment with that
        with_fallback = ("fingerprint", "params", "choices") if "instead_of" in _section(before, "data") else ()
        for name in (*names, *with_fallback):
            own, earlier = getattr(self, name), before.get(name)
            if isinstance(own, dict):
                known = own.keys() or _section(before, name).keys()
                own.update({key: value for key, value in _section(before, name).items() if key in known})
            elif earlier is not None and (own is None or isinstance(earlier, type(own))):
                setattr(self, name, earlier)

    def text(self) -> str:
        """The content of result.json; non-finite numbers are null."""
        return json.dumps({"schema": SCHEMA, **_finite(asdict(self))}, indent=2, allow_nan=False) + os.linesep

    def write(self, folder: RunFolder) -> None:
        """Writes result.json into the run folder, atomically."""
        write_atomically(folder.result_json, self.text().encode())


def objective_value(result: dict[str, Any]) -> float | None:
    """The objective's value; None if it was not measured, or the target was not reached.

    Args:
        result: The content of result.json.
    """
    objective = str(_section(result, "params").get("objective"))
    in_seconds = objective == SECONDS_TO_TARGET
    value = _section(result, "seconds").get("to_target") if in_seconds else _section(result, "metrics").get(objective)
    return float(value) if isinstance(value, int | float) else None


def _logged_progress(folder: RunFolder) -> tuple[int, int]:
    """The epochs and steps in metrics.csv; its last line may be cut."""
    try:
        rows = csv.DictReader(io.StringIO(read_file(folder.metrics_csv, METRICS_MAX_BYTES).decode(errors="replace")))
        done = [int(row["step"]) for row in rows if None not in row.values() and row["step"].isdecimal()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
        return 0, 0
    return len(done), max(done, default=0)


def _section(result: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of a result.json that may be somebody else's."""
    section = result.get(name)
    return section if isinstance(section, dict) else {}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_finite(content) for content in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
