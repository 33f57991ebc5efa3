"""What a composed config says, for those who must not import torch to know it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

AXES = (
    *("data", "augmentation", "model", "activation", "init", "pool", "loss"),
    *("optimizer", "scheduler", "averaging"),
)
MODEL_AXES = {"activation": "relu", "pool": "max"}  # a model names those that it uses; their options in conf/train.yaml

DATA_FILES = ("data.classes", "data.fallbacks", "data.files")  # recorded in result.json under data

# Config values that cannot change the numbers of a run: where things are, what is shown and recorded.
INCIDENTAL = (
    "callbacks", "console", "data.classes", "data.fallback", "data.fallbacks", "data.files.folder", "data.root",
    "logger", "objective", "resume", "sweep", "target", "trainer.enable_model_summary",
    "trainer.enable_progress_bar", "trainer.fast", "trainer.log_every_n_steps", "trainer.num_sanity_val_steps",
    "trainer.profiler",
)  # fmt: skip


def without_hydra(config: DictConfig) -> DictConfig:
    """A composed config as a run sees it."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def uses_axis(config: DictConfig, axis: str) -> bool:
    """Whether the model of a config has a part from this axis."""
    if axis not in MODEL_AXES:
        return True
    model = OmegaConf.to_container(config.model, resolve=False)
    assert isinstance(model, dict)
    return f"${{{axis}}}" in model.values()


def axis_choices(config: DictConfig, option_names: dict[str, Any]) -> dict[str, str]:
    """The option of each axis, `"none"` where the model does not use the axis.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`.
    """
    return {axis: str(option_names[axis]) if uses_axis(config, axis) else "none" for axis in AXES}


def flat_params(config: DictConfig) -> dict[str, Any]:
    """Every value under its dotted name, resolved: `{"optimizer.lr": 0.01, …}`, without what a data set's files are."""
    return {name: value for name, value in flat(config).items() if not name.startswith(DATA_FILES)}


def numeric_params(config: DictConfig) -> dict[str, Any]:
    """Those values that can change the numbers of a run.

    Callbacks count unless they are cnnlab's own, which only observe; an axis counts if the model uses it. `1` and
    `1.0` are the same.
    """
    unused = tuple(f"{axis}." for axis in MODEL_AXES if not uses_axis(config, axis))
    params = {name: _as_number(value) for name, value in flat(config).items() if not name.startswith(unused)}
    kept = {name: value for name, value in params.items() if not _is_incidental(name)}
    foreign = {name.split(".")[1] for name, value in params.items() if _is_foreign_callback(name, value)}
    kept |= {
        name: value for name, value in params.items() if name.startswith(tuple(f"callbacks.{key}." for key in foreign))
    }
    return kept


def fingerprint(params: dict[str, Any]) -> str:
    """A hash of `numeric_params`: 16 hexadecimal digits, the same for the same experiment on every machine."""
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()[:16]


def flat(config: DictConfig) -> dict[str, Any]:
    """Every value under its dotted name, resolved."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return dict(flatten(container))


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dictionaries, under their dotted names."""
    if isinstance(node, dict) and (node or not prefix):
        for name, value in node.items():
            yield from flatten(value, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, node


def changed_value(before: DictConfig, now: DictConfig) -> tuple[str, Any, Any] | None:
    """The first value, by name, that makes two configs different experiments: its name, then and now."""
    then, today = numeric_params(before), numeric_params(now)
    names = sorted(name for name in {*then, *today} if then.get(name) != today.get(name))
    return (names[0], flat(before).get(names[0]), flat(now).get(names[0])) if names else None


def files_are_here(config: DictConfig) -> bool:
    """Whether the files of a config's data set are in their folder, plain or as `.gz`."""
    files = config.data.files
    if "folder" not in files:
        return True  # of a package
    folder = Path(files.folder).expanduser()
    return all(any((folder / f"{name}{ending}").is_file() for ending in ("", ".gz")) for name in files.sha256)


def _as_number(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _is_incidental(name: str) -> bool:
    return any(name == key or name.startswith(f"{key}.") for key in INCIDENTAL)


def _is_foreign_callback(name: str, value: Any) -> bool:
    is_target = name.startswith("callbacks.") and name.endswith("._target_") and name.count(".") == 2
    return is_target and not str(value).startswith("cnnlab.")
