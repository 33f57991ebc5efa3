"""Rejects an invalid config, before anything is written or torch is imported."""

import difflib
import re
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cnnlab.data_files import find_files
from cnnlab.errors import UserError
from cnnlab.experiment.axes import AXES, MODEL_AXES, uses_axis
from cnnlab.experiment.callbacks import check_callbacks, measured_names
from cnnlab.experiment.identity import flat
from cnnlab.experiment.loggers import check_loggers
from cnnlab.experiment.schema import check_values, integer
from cnnlab.experiment.targets import check_targets
from cnnlab.experiment.trainer import check_trainer
from cnnlab.metrics import SECONDS_TO_TARGET
from cnnlab.program import as_typed

_MISSING = object()
GROUPS = (*AXES, "trainer", "callbacks", "logger")
SPACES = "optimizer_space"  # a folder of conf/ that no config chooses from: what sweep.tune tries of each optimiser
TOP_LEVEL = (
    *GROUPS,
    "seed",
    "select",
    "watch",
    "objective",
    "target",
    "kernels",
    "report",
    "console",
    "resume",
    "experiment",
    "sweep",
    "tuning",
)
BUILT = ("model", "activation", "init", "pool", "loss", "optimizer", "scheduler", "trainer")  # an object each
OPTIONAL = ("augmentation", "averaging")  # an object, or nothing
READ = {  # the keys of the groups that no constructor checks
    "data": (
        *("name", "root", "files", "fallback", "fallbacks", "image_shape", "num_classes", "classes", "mean", "std"),
        *("num_train", "num_val", "num_test", "batch_size", "eval_batch_size", "split_seed", "pixel_order_seed"),
    ),
    "sweep": ("name", "resume", "dry_run", "fail_fast", "fail_on_divergence", "tune", "report"),
    "tuning": ("num_trials", "seeds", "space", "record"),
    "report": ("language", "margin", "baseline", "targets", "mix_versions"),
}
PACKAGELESS = ("experiment", "sweep")  # groups whose options set the values of other groups
NEEDED = (  # a run reads them, some of them not before its end
    *("seed", "select", "watch", "objective", "target", "console", "optimizer.lr", "trainer.max_epochs"),
    *(f"data.{key}" for key in READ["data"] if key not in ("root", "pixel_order_seed")),  # older runs lack the last
)
SCHEDULES_OF_STEPS = ("CosineAnnealingLR", "PolynomialLR")
LOADER = ("num_workers", "pin_memory", "persistent_workers", "prefetch_factor", "shuffle", "drop_last")


def check(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    """Rejects an invalid config.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`: group to option.
        overrides: Hydra's task overrides, from the command line.

    Raises:
        UserError: With the value, what is allowed and what to do, on one line.
    """
    check_targets(config)
    check_keys(config)
    check_values(config)
    _check_texts(config)
    _check_data(config)
    _check_channels(config)
    _check_pool(config)
    _check_shapes(config)
    _check_axes(config, option_names, overrides)
    _check_scheduler(str(config.scheduler._target_))
    check_trainer(config)
    check_callbacks(config)
    _check_selection(config)
    _check_measured(config, overrides)
    check_loggers(config)


def check_keys(config: DictConfig) -> None:
    """Rejects a config that lacks a group or a key that a run needs, or has a key that nothing reads.

    Args:
        config: A composed config.

    Raises:
        UserError: As for `check`.
    """
    for group in GROUPS:
        if not isinstance(config.get(group), DictConfig):
            raise UserError(f"{group} is missing or not a config group; choose one of its options, see --help")
    for group in PACKAGELESS:
        for key in map(str, config.get(group) or {}):
            if key in (*TOP_LEVEL, "hydra") and key not in READ.get(group, ()):
                raise UserError(
                    f"{group}.{key} has no effect: the chosen file of conf/{group}/ needs the first line "
                    '"# @package _global_", so that its values are those of the whole config'
                )
    unknown = [str(key) for key in config if key not in (*TOP_LEVEL, "hydra") or (key == "experiment" and config[key])]
    if unknown:
        raise UserError(f"{unknown[0]} is not a key of this config and has no effect; --cfg job lists the keys")
    for key in NEEDED:
        if OmegaConf.select(config, key, default=_MISSING) is _MISSING:
            raise UserError(f"{key} is missing; set it, such as +{key}=…")
    _check_objects(config)
    for group, keys in READ.items():
        for key in map(str, config.get(group) or {}):
            if key not in keys and not _is_interpolated(config, f"{group}.{key}"):
                raise UserError(_unread(group, key, keys))


def _check_texts(config: DictConfig) -> None:
    """Rejects a text that can be no file's name, and that no system call takes."""
    for key, value in flat(config).items():
        if any(isinstance(text, str) and "\0" in text for text in (value if isinstance(value, list) else [value])):
            raise UserError(f"{key}={value!r} is not allowed; it must not have the character NUL")


def _check_objects(config: DictConfig) -> None:
    """A group without a class to build would be used as plain values, or not at all."""
    for group in (*BUILT, *OPTIONAL):
        settings = config[group]
        if isinstance(settings.get("_target_"), str) or (group in OPTIONAL and not settings):
            continue
        first = next(iter(settings), None)
        value = "" if first is None else f"{group}.{first}={as_typed(settings[first])} has no effect: "
        raise UserError(f"{value}{group} names no class (_target_); choose an option: {group}=…, see --help")


def _is_interpolated(config: DictConfig, key: str) -> bool:
    """Whether another value of the config refers to a key, as `${data.size}` or `${.size}`."""
    name = key.rpartition(".")[2]
    pattern = rf"\$\{{(?:{re.escape(key)}|\.+{re.escape(name)})[}}.\[]"
    text = OmegaConf.to_yaml(config, resolve=False)
    return re.search(pattern, text) is not None


def _unread(group: str, key: str, keys: tuple[str, ...]) -> str:
    if group == "data" and key in LOADER:
        return (
            f"data.{key} has no effect: the images stay on the device, and batches are cut from them without workers; "
            "remove it"
        )
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {group}.{near[0]}?" if near else f"its keys are {', '.join(keys)}"
    return f"{group}.{key} is not a key of {group} and has no effect; {hint}"


def data_is_available(config: DictConfig) -> bool:
    """Whether a data set's files are where it looks for them; without loading torch."""
    files = config.data.files
    if "folder" not in files:
        return True  # in a package
    found = find_files(Path(files.folder).expanduser(), str(files.get("mirrored_as")), dict(files.sha256))
    return len(found) == len(files.sha256)


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
    if data.get("pixel_order_seed") is not None and config.augmentation:
        raise UserError(
            f"data.pixel_order_seed={data.pixel_order_seed} is not allowed with an augmentation, which changes images "
            "whose pixels are in place; use augmentation=none"
        )
    root = Path(data.root).expanduser()
    if root.exists() and not root.is_dir():
        raise UserError(f"data.root={data.root} is a file; it must be a folder (CNNLAB_DATA_DIR sets it)")
    if data.fallback is not None and data.fallback not in data.fallbacks:
        allowed = ", ".join([*data.fallbacks, "null"])
        raise UserError(f"data.fallback={data.fallback} is not allowed; for data={data.name} choose from {allowed}")


def _check_channels(config: DictConfig) -> None:
    """A model of listed channels has no other depth or width."""
    for key in ("depth", "width"):
        if config.model.get("channels") is not None and config.model.get(key) is not None:
            raise UserError(
                f"model.{key}={config.model[key]} has no effect: model.channels lists the channels of each "
                "convolution; remove one of them, such as ~model.channels"
            )


def _check_pool(config: DictConfig) -> None:
    """A pooling of single pixels halves the image by its stride alone."""
    if config.pool.get("kernel_size") == 1 and config.pool.get("stride") is None:
        raise UserError("pool.kernel_size=1 leaves the image as it is; add pool.stride=2, or choose pool=stride")


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


def _check_scheduler(target: str) -> None:
    """A schedule is made from the optimiser and the number of steps; torch's classes mostly take something else."""
    package, _, name = target.rpartition(".")
    if package.startswith("torch.optim.lr_scheduler") and name not in SCHEDULES_OF_STEPS:
        raise UserError(
            f"scheduler._target_={target} is not allowed: a schedule here gets the optimiser and the number of steps, "
            f"which of torch's only {' and '.join(SCHEDULES_OF_STEPS)} take; choose scheduler=…, see --help, or write "
            "a function of these two that returns it"
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


def _check_measured(config: DictConfig, overrides: list[str]) -> None:
    """Who sets an objective or a target wants to know it; their defaults stay where nothing validates."""
    names = measured_names(config)
    for key, needs in (("objective", config.objective), ("target", "val/acc")):
        metric = "val/acc" if needs == SECONDS_TO_TARGET else needs
        if metric not in names and any(text.lstrip("+").startswith(f"{key}=") for text in overrides):
            raise UserError(
                f"{key}={config[key]} needs validation, which this config does not have; use watch=val, "
                "data.num_val=5000 and trainer.limit_val_batches=1.0, for example"
            )
