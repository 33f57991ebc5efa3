"""What a config may build, and which environment variables it may read: the allowlist of docs/security.md.

A config may be a stranger's. Hydra itself refuses some `_target_`s, but most functions that run code under another name
pass; here everything is refused that is not listed.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import isclass, isfunction
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError, users_mistake
from cnnlab.experiment.trust import TRUST_ENVIRONMENT, advice, is_readable_variable, is_trusted

TARGET = "_target_"
CLASS, FUNCTION = r"[A-Z]\w*", r"[a-z]\w*"
MODULE = r"[a-z]\w*"


@dataclass(frozen=True)
class Family:
    """Names directly in a module, and what they must turn out to be.

    Attributes:
        module: A pattern of the module's name.
        name: A pattern of the name in it.
        base: The class that they must be, or derive from; None for functions, which must be defined in the module.
    """

    module: str
    name: str
    base: str | None

    def has(self, target: str) -> bool:
        """Whether the target has such a name."""
        return re.fullmatch(rf"{self.module}\.{self.name}", target) is not None

    def accepts(self, target: str, found: Any) -> bool:
        """Whether what the target names is of this family, and not something that the module only imports."""
        if self.base is None:
            return isfunction(found) and found.__module__ == target.rpartition(".")[0]
        if not isclass(found) or found.__module__.partition(".")[0] != target.partition(".")[0]:
            return False
        module, _, name = self.base.rpartition(".")
        return issubclass(found, getattr(import_module(module), name))


CALLBACK, LOGGER = "lightning.pytorch.callbacks.Callback", "lightning.pytorch.loggers.Logger"
NETWORK, OPTIMIZER = "torch.nn.Module", "torch.optim.Optimizer"
FAMILIES = (
    Family(r"torch\.nn", CLASS, NETWORK),
    Family(r"torch\.nn\.init", r"[a-z]\w*_", None),
    Family(r"torch\.optim", CLASS, OPTIMIZER),
    Family(r"torch\.optim\.lr_scheduler", CLASS, "torch.optim.lr_scheduler.LRScheduler"),
    Family(r"pytorch_optimizer", CLASS, OPTIMIZER),
    Family(r"lightning\.pytorch\.callbacks", CLASS, CALLBACK),
    Family(r"lightning\.pytorch\.loggers", CLASS, LOGGER),
    Family(r"lightning\.pytorch\.strategies", CLASS, "lightning.pytorch.strategies.Strategy"),
    Family(r"lightning\.pytorch\.profilers", CLASS, "lightning.pytorch.profilers.Profiler"),
    Family(r"optuna\.samplers", CLASS, "optuna.samplers.BaseSampler"),
    Family(r"optuna\.pruners", CLASS, "optuna.pruners.BasePruner"),
    Family(rf"cnnlab\.nn(\.{MODULE})?", CLASS, NETWORK),
    Family(r"cnnlab\.nn\.init", FUNCTION, None),
    Family(rf"cnnlab\.optim(\.{MODULE})?", CLASS, OPTIMIZER),
    Family(rf"cnnlab\.optim(\.{MODULE})?", CLASS, CALLBACK),
    Family(r"cnnlab\.optim\.scheduler", FUNCTION, None),
    Family(rf"cnnlab\.data(\.{MODULE})?", CLASS, "builtins.object"),
    Family(rf"cnnlab\.observe(\.{MODULE})?", CLASS, CALLBACK),
    Family(rf"cnnlab\.training\.{MODULE}", CLASS, LOGGER),
    # those that are left out write files
    Family(rf"cnnlab\.training\.(?!checkpoint|epoch_checkpoint|history|interruption){MODULE}", CLASS, CALLBACK),
)
NAMES = {
    "cnnlab.bench.startup.ExitAtFirstStep",
    "builtins.len",  # ThroughputMonitor's batch_size_fn
    "cnnlab.cli.preflight.Preflight",
    "cnnlab.sweep.search.EveryCombination",
    "cnnlab.sweep.search.pruning.Pruning",
    # as the configs of hydra/launcher=basic and hydra/sweeper=basic name them
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    "hydra_plugins.cnnlab_plugins.grid.GridSweeper",
    "hydra_plugins.cnnlab_plugins.local.LocalLauncher",
    "hydra_plugins.cnnlab_plugins.optuna.OptunaSweeper",
    "hydra_plugins.cnnlab_plugins.ray.RayLauncher",
    "hydra_plugins.cnnlab_plugins.slurm.SlurmLauncher",
    "lightning.Trainer",
    "lightning.pytorch.Trainer",
}

READABLE = {
    *("HOME", "HOSTNAME", "LANG", "LOGNAME", "PWD", "SCRATCH", "TMPDIR", "USER", "CUDA_VISIBLE_DEVICES"),
    *("MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI"),
    *("WANDB_ENTITY", "WANDB_MODE", "WANDB_NAME", "WANDB_NOTES", "WANDB_PROJECT", "WANDB_RUN_GROUP", "WANDB_TAGS"),
    *("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_CPUS_PER_TASK", "SLURM_JOB_ID", "SLURM_JOB_NAME"),
    *("SLURM_NODEID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_TMPDIR"),
}
READABLE_PREFIX = "CNNLAB_"
SECRETS = re.compile(r"TOKEN|KEY|SECRET|PASSW|CREDENTIAL|CNNLAB_SEARCH")  # the last may hold a database's password


def check_targets(config: Any, key: str = "") -> None:
    """Rejects a config with a `_target_` that is not allowed, wherever it stands; imports nothing.

    Args:
        config: A composed config, with or without Hydra's part, or a part of one.
        key: Where the part stands in its config.

    Raises:
        UserError: With the target, its key and how to trust its package.
    """
    for where, target in _targets(config, key, {}):
        if not isinstance(target, str):
            raise UserError(f"{where}={target} is not allowed; it must be the name of a class or function")
        if not _is_allowed(target):
            raise _refusal(where, target)


def instantiate(config: Any, key: str = "", /, **kwargs: Any) -> Any:
    """Hydra's `instantiate`, after a check of every `_target_` in the config: its name, and what it names.

    Args:
        config: A config, or a dictionary of config values.
        key: Where it stands in its config, such as `callbacks.pictures`.
        kwargs: As in Hydra.

    Raises:
        UserError: As for `check_targets`.
    """
    from hydra.utils import instantiate as build  # here, since scripts that only read configs do without Hydra

    return build(buildable(config, key), **kwargs)


def buildable(config: Any, key: str) -> Any:
    """A config as plain values, all of whose `_target_`s exist and are allowed: what is checked is what is built.

    Args:
        config: A config, or a dictionary of config values.
        key: Where it stands in its config.

    Raises:
        UserError: As for `check_targets`.
    """
    plain = _plain(config)
    check_targets(plain, key)
    for where, target in _targets(plain, key, {}):
        _check_kind(where, target)
    return plain


def locate(target: str, key: str) -> Any:
    """The class or function that a `_target_` names, after the same check.

    Args:
        target: The dotted name.
        key: Where it stands in its config.

    Raises:
        UserError: If it is not allowed, or does not exist.
    """
    check_targets({TARGET: target}, key)
    _check_kind(f"{key}.{TARGET}", target)
    found = _find(target)
    if found is None:
        raise UserError(f"{key}.{TARGET}={target} does not exist; correct its name")
    return found


def _targets(node: Any, key: str, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    """Every `_target_` below a node, resolved, with its key; a node that interpolations reach twice comes once."""
    if not isinstance(node, DictConfig | ListConfig | dict | list) or id(node) in seen:
        return
    seen[id(node)] = node  # kept, so that no later node gets its id
    names: Iterable[Any] = node if isinstance(node, DictConfig | dict) else range(len(node))
    for name in names:
        where = f"{key}.{name!s}" if key else str(name)
        if OmegaConf.is_config(node) and OmegaConf.is_missing(node, name):
            continue
        try:
            value = node[name]
        except OmegaConfBaseException as error:
            if (mistake := users_mistake(error)) is not None:
                raise mistake from error
            if name == TARGET:
                raise UserError(f"{where} cannot be resolved: {str(error).splitlines()[0]}") from error
            continue  # needs more than is known here; it is checked again when it is built
        if name == TARGET:
            yield where, value
        yield from _targets(value, where, seen)


def _is_allowed(target: str) -> bool:
    return target in NAMES or is_trusted(target) or any(family.has(target) for family in FAMILIES)


def _check_kind(where: str, target: str) -> None:
    """Rejects a name that is allowed, but names something else: what its module imports, for example."""
    if target in NAMES:
        return
    found = _find(target)
    if found is None and not is_trusted(target):  # Hydra tells why a trusted one cannot be imported
        raise UserError(f"{where}={target} does not exist; correct its name")
    if found is None or (is_trusted(target) and is_trusted(str(getattr(found, "__module__", "")))):
        return
    if not any(family.has(target) and family.accepts(target, found) for family in FAMILIES):
        raise _refusal(where, target)


def _find(target: str) -> Any:
    """What a dotted name names; None if there is no such thing, which Hydra reports."""
    module, _, names = target.rpartition(".")
    if not module:
        return None
    try:
        return getattr(import_module(module), names, None)
    except ImportError:  # a method: its class stands before the last dot
        return getattr(_find(module), names, None)


def _refusal(where: str, target: str) -> UserError:
    shown = target if target.isprintable() else repr(target)
    return UserError(
        f"{where}={shown} is not allowed: a config may build only what docs/security.md lists{advice(target)}"
    )


def _plain(value: Any) -> Any:
    """Resolved dictionaries, lists and values."""
    if OmegaConf.is_config(value):
        try:
            value = OmegaConf.to_container(value, resolve=True)
        except OmegaConfBaseException as error:
            if (mistake := users_mistake(error)) is not None:
                raise mistake from error
            raise
    if isinstance(value, dict):
        return {name: _plain(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_plain(content) for content in value]
    if isinstance(value, str) and "${" in value:
        raise UserError(f"{value} is not allowed: an interpolation must not be escaped in what is built")
    return value


def _read_variable(name: str, *default: Any) -> str | None:
    """OmegaConf's `oc.env`, for the variables that a config may read."""
    is_readable = name in READABLE or (name.startswith(READABLE_PREFIX) and not SECRETS.search(name))
    if not is_readable and not is_readable_variable(name):
        raise UserError(
            f"${{oc.env:{name}}} is not allowed: a config may read only the environment variables that "
            f"docs/security.md lists; to allow this one, set {TRUST_ENVIRONMENT}={name}"
        )
    if name in os.environ:
        return os.environ[name]
    if not default:
        raise KeyError(f"Environment variable '{name}' not found")
    return None if default[0] is None else str(default[0])


OmegaConf.register_new_resolver("oc.env", _read_variable, replace=True)
