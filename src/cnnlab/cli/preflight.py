"""What is checked before anything is written or torch is imported: the user's values, and the run's folder."""

import fcntl
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from yaml import YAMLError

from cnnlab.errors import Carried, UserError
from cnnlab.experiment.identity import AXES, MODEL_AXES, changed_value, uses_axis, without_hydra
from cnnlab.experiment.schema import RULES, as_typed, check_value, integer

ABSENT: Final = object()
GROUPS = (*AXES, "trainer", "callbacks", "logger")
TOP_LEVEL = (*GROUPS, "seed", "select", "watch", "objective", "target", "console", "resume", "experiment", "sweep")
OPTIONAL_PACKAGES = {"mlflow": "mlflow", "wandb": "wandb"}  # logger option to the package, and cnnlab's extra


def check(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    """Refuses a config that cannot be run as it reads.

    Args:
        config: A composed config.
        option_names: Hydra's `runtime.choices`: group to option.
        overrides: Hydra's task overrides: what was typed.

    Raises:
        UserError: With the value, what is allowed and what to do, on one line.
    """
    check_keys(config)
    for key, rule in RULES.items():
        value = _value(config, key)
        if value is not ABSENT:
            check_value(key, value, rule)
    _check_data(config)
    _check_axes(config, option_names, overrides)
    _check_selection(config)
    _check_logger(str(option_names.get("logger")))


def check_job(loader: ConfigLoader, config: DictConfig, overrides: list[str]) -> None:
    """Refuses a job of a sweep that cannot be run as it reads.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        overrides: The job's.

    Raises:
        UserError: As for `check`.
    """
    _check_composed(loader.load_sweep_config(config, overrides), overrides)


def check_jobs(loader: ConfigLoader, config: DictConfig, jobs: list[list[str]]) -> None:
    """Refuses a sweep with a value that cannot be run as it reads: each is looked at once, and not each combination.

    A config is composed for each new option of a group, which takes a sixth of a second, and not for a new value.

    Args:
        loader: Hydra's.
        config: The sweep's composed config, with Hydra's part.
        jobs: Overrides of each.

    Raises:
        UserError: As for `check`.
    """
    parser = OverridesParser.create()
    seen: set[str] = set()
    composed: DictConfig | None = None
    for job in jobs:
        new = [text for text in job if text not in seen]
        seen.update(new)
        if composed is None or not all(_is_value(loader, text) for text in new):
            composed = loader.load_sweep_config(config, job)
        else:
            for override in parser.parse_overrides(new):
                OmegaConf.update(composed, override.key_or_group, override.value(), merge=True)
        if new:
            _check_composed(composed, job)


def _is_value(loader: ConfigLoader, override: str) -> bool:
    """Whether it sets a value that there is, and is not one of those that choose an option, add or remove."""
    key = override.partition("=")[0]
    return key[0] not in "+~" and not loader.get_group_options(key.partition("@")[0])


def _check_composed(job: DictConfig, overrides: list[str]) -> None:
    choices = OmegaConf.to_container(job.hydra.runtime.choices)
    assert isinstance(choices, dict)
    check(without_hydra(job), {str(group): option for group, option in choices.items()}, overrides)


def _value(config: DictConfig, key: str) -> Any:
    *path, name = key.split(".")
    node: Any = config
    for step in path:
        node = node.get(step) if isinstance(node, DictConfig) else None
    return node[name] if isinstance(node, DictConfig) and name in node else ABSENT


def check_keys(config: DictConfig) -> None:
    """Refuses a config that lacks a group, or has a value that nothing reads.

    Args:
        config: A composed config.

    Raises:
        UserError: As for `check`.
    """
    for group in GROUPS:
        if not isinstance(config.get(group), DictConfig):
            raise UserError(f"{group} is missing or no group of values; choose one of its options, see --help")
    unknown = [str(key) for key in config if key not in (*TOP_LEVEL, "hydra")]
    if unknown:
        raise UserError(f"{unknown[0]} is not a value of this config, and would do nothing; --cfg job shows what is")


def _check_data(config: DictConfig) -> None:
    data = config.data
    if len(data.classes) != data.num_classes:
        raise UserError(
            f"data.classes={as_typed(data.classes)} is not allowed; data.num_classes={data.num_classes}, so it takes a "
            f"list of {data.num_classes} different names"
        )
    num_val = integer(0, data.num_train - 1)
    if not num_val.holds(data.num_val):
        raise UserError(
            f"data.num_val={as_typed(data.num_val)} is not allowed; {data.name} has {data.num_train} training images, "
            f"so it takes {num_val.allowed}"
        )
    root = Path(data.root).expanduser()
    if root.exists() and not root.is_dir():
        raise UserError(f"data.root={data.root} is a file; it takes a folder (CNNLAB_DATA_DIR sets it)")
    if data.fallback is not None and data.fallback not in data.fallbacks:
        allowed = ", ".join([*data.fallbacks, "null"])
        raise UserError(f"data.fallback={data.fallback} is not allowed; data={data.name} takes {allowed}")
    for key in ("image_shape", "num_classes"):  # which the network is built for
        if key in config.model and config.model[key] != data[key]:
            raise UserError(
                f"model.{key}={config.model[key]} is not allowed; the data set has data.{key}={data[key]}, and the "
                f"model takes the same: leave model.{key} out"
            )
        if data.fallback is not None and data.fallbacks[data.fallback][key] != data[key]:
            raise UserError(
                f"data.fallback={data.fallback} is not allowed: it has {key}={data.fallbacks[data.fallback][key]}, and "
                f"data={data.name} has {data[key]}; take data.fallback=null"
            )


def _check_axes(config: DictConfig, option_names: dict[str, Any], overrides: list[str]) -> None:
    for axis, default in MODEL_AXES.items():
        chosen = [text for text in overrides if text.lstrip("+").startswith((f"{axis}=", f"{axis}."))]
        if option_names.get(axis, default) != default:
            chosen.append(f"{axis}={option_names[axis]}")  # by an experiment
        if chosen and not uses_axis(config, axis):
            raise UserError(
                f"{chosen[0]} has no effect: {config.model._target_.rpartition('.')[2]} has no {axis} layer; "
                f"leave it out, or choose another model"
            )


def _check_selection(config: DictConfig) -> None:
    if config.select != "best":
        return
    if config.watch != "val":
        raise UserError(
            "select=best is not allowed with watch=test: nothing is selected on the test set; take watch=val"
        )
    if config.trainer.limit_val_batches == 0:
        raise UserError(
            "select=best needs validation, and trainer.limit_val_batches=0; take trainer.limit_val_batches=1.0"
        )
    if config.data.num_val == 0:
        raise UserError("select=best needs validation images, and data.num_val=0; take data.num_val=5000, for example")


def _check_logger(option: str) -> None:
    package = OPTIONAL_PACKAGES.get(option)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(f'logger={option} needs the package {package}: pip install -e ".[{option}]"')


def claim_folder(folder: Path, *, resume: bool) -> int:
    """Makes the run folder, and locks it until the process ends: no other run may have it.

    Args:
        folder: The folder.
        resume: Whether its run goes on.

    Returns:
        The file descriptor that holds the lock.

    Raises:
        UserError: If another run has it, now or since before.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(
            f"the run folder {folder} cannot be made: {error.strerror}; give another place with hydra.run.dir=…"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise UserError(f"another process is writing to {folder}; wait for it, or stop it") from None
    if not resume and _has_run(folder):
        os.close(lock)
        raise UserError(
            f"{folder} exists and is not empty, and two runs never share a folder; give another hydra.run.dir, or "
            f"go on with that run: resume={folder}"
        )
    return lock


def _has_run(folder: Path) -> bool:
    """Whether a run began here: Hydra records its overrides last, before anything else is written."""
    return (folder / ".hydra" / "overrides.yaml").exists() or any(path.name != ".hydra" for path in folder.iterdir())


def check_same_experiment(config: DictConfig) -> None:
    """Refuses to go on with a run as another experiment.

    Args:
        config: A composed config, with Hydra's part, whose `resume` names the run, if any.

    Raises:
        UserError: If a value that can change the numbers is not that run's.
    """
    if config.resume is None:
        return
    record = Path(config.resume) / ".hydra" / "config.yaml"
    try:
        before = OmegaConf.load(record)
        if not isinstance(before, DictConfig):
            raise OSError("it holds a list")
    except (OSError, YAMLError) as error:
        raise UserError(f"{record} is damaged or missing ({' '.join(str(error).split())}); begin a new run") from None
    if change := changed_value(before, without_hydra(config)):
        name, then, today = change
        raise UserError(
            f"{name}={as_typed(today)}, but the run in {config.resume} has {name}={as_typed(then)}; "
            "go on without the change, or begin a new run"
        )


def name_sweep(config: DictConfig) -> None:
    """Calls a sweep by what is swept, unless it has a name: the same command finds its folder again.

    Args:
        config: A sweep's composed config, with Hydra's part, changed in place.
    """
    if config.sweep.name is not None:
        return
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    swept = [override for override in overrides if override.is_sweep_override()]
    with read_write(config), open_dict(config):
        config.sweep.name = (
            "+".join(override.key_or_group for override in swept or overrides).replace("/", "_") or "one"
        )


def name_jobs_by_swept_values(config: DictConfig) -> None:
    """Leaves what is the same in every job of a sweep out of the jobs' folder names.

    Args:
        config: A sweep's composed config, with Hydra's part, changed in place.
    """
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    swept = {override.key_or_group for override in overrides if override.is_sweep_override()}
    constant = sorted({override.key_or_group for override in overrides} - swept)
    if not swept or not constant:
        return
    given = config.hydra.job.config.override_dirname.exclude_keys
    names = ",".join(f'"{name}"' for name in [*constant, *given])
    with read_write(config), open_dict(config):
        config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{names}]")


class Preflight(Callback):
    """Hydra's callback before a run or a sweep: it refuses before Hydra makes or changes any file."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Names the sweep's folder and its jobs', and refuses a folder that is not to be gone on with."""
        name_sweep(config)
        name_jobs_by_swept_values(config)
        folder = Path(config.hydra.sweep.dir)
        if not config.sweep.resume and folder.exists():
            raise Carried(UserError(f"{folder} exists, and sweep.resume=false; give another sweep.name, or remove it"))

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config, then claims the folder."""
        if "LOCAL_RANK" in os.environ:
            return  # a worker of a distributed run, whose first process has done all this
        HydraConfig.instance().set_config(config)  # Hydra's own next step; the folder's name is made of it
        try:
            check(config, dict(config.hydra.runtime.choices), list(config.hydra.overrides.task))
            claim_folder(Path(config.hydra.run.dir), resume=config.resume is not None)
            check_same_experiment(config)
        except Exception as error:
            raise Carried(error) from error
