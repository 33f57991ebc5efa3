"""Which values a config file that is not ours may give; the command line may give all of them."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import hydra
from hydra.conf import HydraConf
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError, users_mistake

# Hydra's own keys: how many jobs, with which resources. All others say what runs, or where something is written.
LAUNCHER = (
    *("_target_", "n_jobs", "jobs_per_gpu", "threads_per_job", "timeout_s"),
    *("timeout_min", "max_num_timeout", "signal_delay_s"),
    *("nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node", "mem_gb", "array_parallelism", "poll_s"),
    *("partition", "account", "qos", "constraint", "name", "stderr_to_stdout"),
    *("ray.remote.num_cpus", "ray.remote.num_gpus", "ray.remote.max_retries"),
)
HYDRA = re.compile(
    r"hydra\.(mode|verbose|searchpath"  # searchpath is checked before anything is composed
    r"|runtime\..*|overrides\..*|help\..*|hydra_help\..*|env"
    r"|job\.(override_dirname|config_name|config\..*)"
    r"|sweeper\.(_target_|_recursive_|params(\..*)?|n_trials|study_name|max_batch_size|sampler\..*|pruner\..*)"
    rf"|launcher\.({'|'.join(map(re.escape, LAUNCHER))}))"
)
# Arguments of loggers that only label a run. All others may say where it is sent, and with whose account.
LABELS = {
    *("_target_", "_convert_", "name", "project", "tags", "notes", "group", "job_type", "prefix", "experiment_name"),
    *("run_name", "offline", "log_model", "log_graph", "default_hp_metric", "synchronous", "version"),
}
LOGGER_FOLDERS = {"save_dir", "dir", "root_dir"}  # of loggers, which may be inside the run's folder
FOLDERS = LOGGER_FOLDERS | {"dirpath", "log_dir", "default_root_dir", "exclude_batches_path"}  # of callbacks and others
READ_ONLY = re.compile(r"data\.(root|classes|files\.folder|fallbacks\.\w+\.(classes|files\.folder))")
NEVER = {"trainer.model_registry": "it uploads checkpoints", "resume": "it continues a run that exists"}
CHARACTER = re.compile(r"\{[^}:]*:[^}]*c\}")  # a format that makes a character of a number: of 46, a dot
HEADER = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)

UNRESOLVED = "${…}"
KeyPath = tuple[Any, ...]


def check_value(config: DictConfig, path: KeyPath, folder: str) -> None:
    """Rejects a value from a config file that is not ours, if it can write elsewhere or send something away.

    Args:
        config: The composed config, with Hydra's part.
        path: The value's key, step by step.
        folder: The run's folder.

    Raises:
        UserError: With the key, and what to type to allow it.
    """
    key, value = dotted(path), _resolved(config, path)
    if path[0] == "hydra":
        if not HYDRA.fullmatch(key):
            raise _refusal(key, value, "it says what runs, or where files go")
        if path[1] == "launcher" and not str(value).isprintable():
            raise _refusal(key, value, "it is more than a line of a script")
        return
    if path[0] == "logger" and len(path) > 1:
        argument = _argument(config, path)
        if argument not in LABELS | LOGGER_FOLDERS:
            raise _refusal(key, value, "it can say where a run is sent")
        is_folder = isinstance(value, str) or (value is None and not _is_interpolated(config, path))
        if argument in LOGGER_FOLDERS and not is_folder:
            raise _refusal(key, value, "it must be a folder inside the run's folder, ${hydra:runtime.output_dir}")
    if path[:2] == ("tuning", "space") and not _is_harmless_range(path[2:], value):
        raise _refusal(key, value, "what is tuned from there is a number of a group, such as optimizer.lr")
    if key in NEVER and value is not None:
        raise _refusal(key, value, NEVER[key])
    if not READ_ONLY.fullmatch(key):
        is_unknown = value == UNRESOLVED and path[0] in ("callbacks", "trainer", "logger")
        is_folder = path[-1] in FOLDERS or "_args_" in path or is_unknown
        if any(_is_outside(text, folder, is_folder) for text, is_folder in _texts(value, is_folder=is_folder)):
            raise _refusal(key, value, "it is outside the run's folder, ${hydra:runtime.output_dir}")


def values(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """The leaves of nested dictionaries, with their keys step by step; a list is one leaf."""
    if isinstance(node, dict) and (node or not path):
        for name, value in node.items():
            yield from values(value, (*path, name))
    else:
        yield path, node


def dotted(path: KeyPath) -> str:
    """A key as it is typed."""
    return ".".join(map(str, path))


@cache
def shipped_values(conf: Path) -> set[tuple[str, str]]:
    """Every key and unresolved value in our own configs and in Hydra's.

    Args:
        conf: The folder of our own configs.
    """
    structured = OmegaConf.to_container(OmegaConf.structured({"hydra": HydraConf()}), resolve=False)
    found = {(dotted(path), _text(value)) for path, value in values(structured)}
    for root in (conf, Path(hydra.__file__).parent / "conf"):
        for path in root.rglob("*.yaml"):
            package = ".".join(path.relative_to(root).parent.parts)
            found.update((key, _text(value)) for key, value in _values_in(path, package))
    return found


def is_ours(key: str, raw: Any, shipped: set[tuple[str, str]]) -> bool:
    """Whether a value is one of `shipped_values`; a logger may have a node of its own in the group."""
    group, _, rest = key.partition(".")
    keys = {key, f"{group}.{rest.rpartition('.')[2]}"} if group == "logger" else {key}
    return any((each, _text(raw)) in shipped for each in keys)


def options(conf: Path, group: str) -> set[str]:
    """The options of a group in a folder of configs."""
    return {path.stem for path in (conf / group).glob("*.y*ml")}


def _values_in(file: Path, package: str) -> Iterator[tuple[str, Any]]:
    content = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    header = HEADER.search(file.read_text())
    if header is not None:
        package = header.group(1).replace("_global_", "").strip(".").replace("_group_", package)
    if isinstance(content, dict):
        content.pop("defaults", None)
    for path, value in values(content):
        yield ".".join(part for part in (package, dotted(path)) if part), value


def _text(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)


def _refusal(key: str, value: Any, why: str) -> UserError:
    shown = str(value) if str(value).isprintable() else repr(value)
    return UserError(
        f"{key}={shown} is not allowed in a config that is not in conf/: {why}; if you want it, type it on the command "
        "line"
    )


def _resolved(config: DictConfig, path: KeyPath) -> Any:
    """A value; the mark UNRESOLVED if it cannot be resolved before the run."""
    node: Any = config
    for step in path:
        try:
            if OmegaConf.is_missing(node, step):  # also of what it refers to, which the run may have
                return UNRESOLVED if OmegaConf.is_interpolation(node, step) else None
            node = node[step]
        except OmegaConfBaseException as error:
            if (mistake := users_mistake(error)) is not None:
                raise mistake from error
            return UNRESOLVED
    return node


def _is_harmless_range(path: KeyPath, value: Any) -> bool:
    """Whether a part of `tuning.space`, which the jobs get as if it were typed, gives a group's value numbers."""
    if value is None and not path:
        return True
    from cnnlab.sweep.tuning.space import Parameter  # here: most starts need none

    name = dotted(path)
    return "." in name and Parameter.of(name, str(value)).has_numbers_only


def _is_interpolated(config: DictConfig, path: KeyPath) -> bool:
    """Whether a value refers to another, which may not be known yet."""
    node = OmegaConf.select(config, dotted(path[:-1]))
    return isinstance(node, DictConfig) and OmegaConf.is_interpolation(node, path[-1])


def _argument(config: DictConfig, path: KeyPath) -> Any:
    """The argument of a logger that a key is in: the logger is the group itself, or a node of it."""
    is_logger = isinstance(config.logger, DictConfig) and "_target_" in config.logger
    return path[1] if is_logger or len(path) == 2 else path[2]


def _texts(value: Any, *, is_folder: bool) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it names a folder."""
    if isinstance(value, ListConfig | list):
        for item in value:
            yield from _texts(item, is_folder=is_folder)
    elif isinstance(value, DictConfig | dict):
        for name, item in value.items():
            yield from _texts(item, is_folder=is_folder or name in FOLDERS)
    elif isinstance(value, str):
        yield value, is_folder


def _is_outside(text: str, folder: str, is_folder: bool) -> bool:
    """Whether a text is a path out of the run's folder, or an address."""
    path = PurePosixPath(text.replace("\\", "/"))
    if ".." in path.parts or "://" in text or CHARACTER.search(text):
        return True
    if path.is_absolute() or text.startswith("~") or re.match(r"[A-Za-z]:[\\/]", text):
        return not path.is_relative_to(folder)
    return is_folder
