"""result.json: what a run was and what came out, the only thing that others read of it."""

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from cnnlab.experiment.identity import axis_choices, fingerprint, flat_params, numeric_params
from cnnlab.files import write_atomically

SCHEMA = 1
METRICS = ("val/acc", "val/loss", "test/acc", "test/loss")  # fractions, nats
DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {  # of each objective; none is of the test set
    "val/acc": "maximize",
    "val/loss": "minimize",
    "seconds_to_target": "minimize",
}
VERSIONED = ("cnnlab", "torch", "lightning", "hydra-core", "numpy")


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}}


@dataclass
class Result:
    """The outcome of one run.

    Attributes:
        status: `completed`, `diverged`, `interrupted`, `failed` or `pruned`.
        fingerprint: Hash of every config value that can change the numbers.
        choices: Option name of each axis; `none` where the model does not use the axis.
        overrides: What was typed.
        params: Every config value, flat.
        seed: The run's seed.
        metrics: Of `METRICS`; what was not measured is null.
        epochs: Epochs that were finished.
        steps: Optimiser steps.
        selected_epoch: The epoch whose weights were tested, from 1.
        seconds: Wall time of `setup`, `fit` (all processes of a resumed run together) and `test`; `to_target`, the
            epochs up to the first whose validation accuracy is the config's `target`, null if none was.
        data: `name`, `sha256` and the sizes of `train`, `val` and `test`; `instead_of`, where it is a fallback.
        num_params: Trainable parameters.
        weights_sha256: Hash of the tested weights' bits.
        device: What trained.
        versions: Of Python and the libraries that matter.
        error: One line, unless the run completed.
    """

    status: str = "failed"
    fingerprint: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    overrides: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    metrics: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(METRICS))
    epochs: int = 0
    steps: int = 0
    selected_epoch: int | None = None
    seconds: dict[str, Any] = field(default_factory=lambda: {"setup": 0.0, "fit": 0.0, "test": 0.0, "to_target": None})
    data: dict[str, Any] = field(default_factory=dict)
    num_params: int | None = None
    weights_sha256: str | None = None
    device: str | None = None
    versions: dict[str, str] = field(default_factory=_versions)
    error: str | None = None

    @classmethod
    def of_begun_run(cls, folder: Path, status: str, error: str) -> "Result":
        """Of a run that could not write its own: what it wrote before, if anything, or what it was to be.

        Args:
            folder: It has `.hydra`.
            status: What became of it.
            error: One line.
        """
        before = read_result(folder)
        if before is not None:
            result = cls(**{name: value for name, value in before.items() if name != "schema"})
        else:
            config, hydra = (OmegaConf.load(folder / ".hydra" / name) for name in ("config.yaml", "hydra.yaml"))
            assert isinstance(config, DictConfig)
            result = cls(
                fingerprint=fingerprint(numeric_params(config)),
                choices=axis_choices(config, dict(hydra.hydra.runtime.choices)),
                overrides=list(hydra.hydra.overrides.task),
                params=flat_params(config),
                seed=config.seed,
            )
        result.status, result.error = status, error
        return result

    def write(self, folder: Path) -> None:
        """Writes result.json into the run folder, atomically; a number that is not finite becomes null."""
        content = json.dumps({"schema": SCHEMA, **_finite(asdict(self))}, indent=2, allow_nan=False)
        write_atomically(folder / "result.json", content.encode() + os.linesep.encode())


def read_result(folder: Path) -> dict[str, Any] | None:
    """A run's result.json, or None while it has none."""
    try:
        result = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and "status" in result else None


def objective_value(result: dict[str, Any]) -> float | None:
    """What a result is worth to a search; None if it was not measured, or the target not reached.

    Args:
        result: As in result.json.
    """
    objective = result["params"].get("objective")
    value = result["seconds"].get("to_target") if objective == "seconds_to_target" else result["metrics"].get(objective)
    return None if value is None else float(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_finite(content) for content in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
