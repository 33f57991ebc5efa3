"""Rejects an invalid config, before anything is written or torch is imported."""

import importlib.util
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.axes import AXES, MODEL_AXES, uses_axis
from cnnlab.experiment.schema import as_typed, check_values, integer

GROUPS = (*AXES, "trainer", "callbacks", "logger")
TOP_LEVEL = (*GROUPS, "seed", "select", "watch", "objective", "target", "console", "resume", "experiment", "sweep")
SWEEP_KEYS = ("name", "resume", "dry_run", "fail_fast", "fail_on_divergence")
OPTIONAL_PACKAGES = {"mlflow": "mlflow", "wandb": "wandb"}  # logger option, also cnnlab's extra, to package


def check(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    """Rejects an invalid config.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`: group to option.
        overrides: Hydra's task overrides, from the command line.

    Raises:
        UserError: With the value, what is allowed and what to do, on one line.
    """
    check_keys(config)
    check_values(config)
    _check_data(config)
    _check_shapes(config)
    _check_axes(config, option_names, overrides)
    _check_selection(config)
    _check_logger(str(option_names.get("logger")))


def check_keys(config: DictConfig) -> None:
    """Rejects a config that lacks a group, or has an unknown key.

    Args:
        config: A composed config.

    Raises:
        UserError: As for `check`.
    """
    for group in GROUPS:
        if not isinstance(config.get(group), DictConfig):
            raise UserError(f"{group} is missing or not a config group; choose one of its options, see --help")
    unknown = [str(key) for key in config if key not in (*TOP_LEVEL, "hydra")]
    if unknown:
        raise UserError(f"{unknown[0]} is not a key of this config and has no effect; --cfg job lists the keys")
    for group, known in (("experiment", ()), ("sweep", SWEEP_KEYS)):
        values = config.get(group)
        misplaced = [str(key) for key in values if key not in known] if isinstance(values, DictConfig) else []
        if misplaced:
            raise UserError(
                f"{group}.{misplaced[0]} has no effect; a file of the group {group} sets values of the whole config if "
                f"its first line is # @package _global_"
            )


def data_is_available(config: DictConfig) -> bool:
    """Whether a data set's files are in their folder, plain or as `.gz`; without loading torch."""
    files = config.data.files
    if "folder" not in files:
        return True  # in a package
    folder = Path(files.folder).expanduser()
    return all(any((folder / f"{name}{ending}").is_file() for ending in ("", ".gz")) for name in files.sha256)


def _check_data(config: DictConfig) -> None:
    data = config.data
    if len(data.classes) != data.num_classes:
        raise UserError(
            f"data.classes={as_typed(data.classes)} is not allowed; data.num_classes={data.num_classes}, so it must be "
            f"a list of {data.num_classes} different names"
        )
    num_val = integer(0, data.num_train - 1)
    if not num_val.holds(data.num_val):
        raise UserError(
            f"data.num_val={as_typed(data.num_val)} is not allowed; {data.name} has {data.num_train} training images, "
            f"so it must be {num_val.allowed}"
        )
    root = Path(data.root).expanduser()
    if root.exists() and not root.is_dir():
        raise UserError(f"data.root={data.root} is a file; it must be a folder (CNNLAB_DATA_DIR sets it)")
    if data.fallback is not None and data.fallback not in data.fallbacks:
        allowed = ", ".join([*data.fallbacks, "null"])
        raise UserError(f"data.fallback={data.fallback} is not allowed; for data={data.name} choose from {allowed}")


def _check_shapes(config: DictConfig) -> None:
    """The network is built for the images and classes of the data set, and must fit its fallback too."""
    data = config.data
    for key in ("image_shape", "num_classes"):
        if key in config.model and config.model[key] != data[key]:
            raise UserError(
                f"model.{key}={config.model[key]} is not allowed; it must equal data.{key}={data[key]}: "
                f"remove model.{key}"
            )
        if data.fallback is not None and data.fallbacks[data.fallback][key] != data[key]:
            raise UserError(
                f"data.fallback={data.fallback} is not allowed: it has {key}={data.fallbacks[data.fallback][key]}, but "
                f"data={data.name} has {data[key]}; use data.fallback=null"
            )


def _check_axes(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    for axis, default in MODEL_AXES.items():
        if uses_axis(config, axis):
            continue
        model = config.model._target_.rpartition(".")[2]
        typed = [text for text in overrides if text.lstrip("+").startswith((f"{axis}=", f"{axis}."))]
        option, experiment = option_names.get(axis, default), option_names.get("experiment")
        if typed and (typed[0] != f"{axis}={default}" or experiment is None):
            raise UserError(
                f"{typed[0]} has no effect: {model} has no {axis} layer; remove it, or choose another model"
            )
        if option != default:
            origin = "a config file" if experiment is None else f"experiment={experiment}"
            raise UserError(
                f"{axis}={option}, chosen by {origin}, has no effect: {model} has no {axis} "
                f"layer; add {axis}={default}, or choose another model"
            )


def _check_selection(config: DictConfig) -> None:
    if config.select != "best":
        return
    if config.watch != "val":
        raise UserError(
            "select=best is not allowed with watch=test: nothing is selected on the test set; use watch=val"
        )
    if config.trainer.limit_val_batches == 0:
        raise UserError(
            "select=best needs validation, but trainer.limit_val_batches=0; use trainer.limit_val_batches=1.0"
        )
    if config.data.num_val == 0:
        raise UserError("select=best needs validation images, but data.num_val=0; use data.num_val=5000, for example")


def _check_logger(option: str) -> None:
    package = OPTIONAL_PACKAGES.get(option)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f'logger={option} needs the package {package}; install it: pip install -e ".[{option}]"')
