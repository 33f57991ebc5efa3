"""`--cfg`: prints the config that would be run, instead of running it.

Hydra prints a config as it composes it, before an experiment's unused values are dropped, and not that of a sweep. So
its flag is taken from the command line, and the config is printed when Hydra is about to run it.
"""

import sys
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.composed import hydra_values, job_like, texts
from cnnlab.experiment.loader import SettledLoader
from cnnlab.run.flags import CommandLine

EXCLUSIVE = ("run", "multirun", "cfg", "info", "shell_completion")  # Hydra's commands
SHOWN_FOR_SWEEPS = ("cfg", "info")
NOT_SHOWN = ("hydra_help", "help")  # of Hydra's part


@dataclass(frozen=True)
class Request:
    """What to print.

    Attributes:
        part: `job`, `hydra` or `all`.
        package: A part of that; None for all of it.
        resolve: Whether to resolve interpolations.
    """

    part: str
    package: str | None
    resolve: bool


_requested: list[Request] = []


def requested() -> Request | None:
    """What this process was started to print, if anything."""
    return _requested[-1] if _requested else None


def take_request(line: CommandLine) -> CommandLine:
    """Removes `--cfg` and its flags from a command line, to print the config later.

    Args:
        line: The command line.

    Returns:
        The command line for Hydra.

    Raises:
        UserError: If the flags contradict each other.
    """
    _requested.clear()
    flags = dict(line.flags)
    if "hydra_help" in flags:
        return CommandLine(flags, [])  # it knows no config of ours
    if "help" not in flags:
        _check_flags(line)
    if {"help", "info"} & set(flags) and flags.pop("multirun", False):  # Hydra shows single runs only
        return CommandLine(flags, _without_sweeps(line.overrides))
    if "cfg" not in flags or "help" in flags:
        return line
    part, package, resolve = flags.pop("cfg"), flags.pop("package", None), flags.pop("resolve", False)
    _requested.append(Request(str(part), None if package in (None, "_global_") else str(package), bool(resolve)))
    return CommandLine(flags, line.overrides)


def show_run(config: DictConfig, request: Request) -> None:
    """Prints the config of a run.

    Args:
        config: With Hydra's part.
        request: What to print.
    """
    content = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    assert isinstance(content, dict)
    hydra = content.pop("hydra")
    whole = {"hydra": {key: value for key, value in hydra.items() if key not in NOT_SHOWN}}
    parts = {"job": content, "hydra": whole, "all": {**content, **whole}}
    with hydra_values(config):
        _print(OmegaConf.create(parts[request.part]), request)


def show_sweep(config: DictConfig, loader: ConfigLoader, request: Request) -> None:
    """Prints the config of a sweep's first job.

    Args:
        config: The sweep's, with Hydra's part.
        loader: Hydra's.
        request: What to print.
    """
    parser = OverridesParser.create(config_loader=loader)
    params = [f"{key}={value}" for key, value in dict(config.hydra.sweeper.get("params") or {}).items()]
    parsed = parser.parse_overrides([*params, *texts(config.hydra.overrides.task)])
    last = {override.get_key_element(): override for override in parsed}
    overrides = [_first_value(override) for override in last.values()]
    names = [text for text, override in zip(overrides, last.values(), strict=True) if override.is_sweep_override()]
    print(f"# The first job: {' '.join(names or overrides)}")
    show_run(job_like(SettledLoader(loader).load_sweep_config(config, overrides)), request)


def _print(config: DictConfig, request: Request) -> None:
    part = config if request.package is None else OmegaConf.select(config, request.package)
    if part is None:
        raise UserError(f"--package {request.package} is not in this config; --cfg {request.part} lists its keys")
    if not isinstance(part, DictConfig | ListConfig):
        print(part)
        return
    if request.resolve:
        OmegaConf.resolve(part)
    head = "" if request.package is None else f"# @package {request.package}\n"
    sys.stdout.write(head + OmegaConf.to_yaml(part))


def _without_sweeps(overrides: list[str]) -> list[str]:
    parsed = OverridesParser.create().parse_overrides(overrides)
    return [str(override.input_line) for override in parsed if not override.is_sweep_override()]


def _first_value(override: Override) -> str:
    """An override, with the first of its swept values."""
    if not override.is_sweep_override():
        return str(override.input_line)
    key = override.get_key_element()
    if not override.is_discrete_sweep():
        return f"{key}={override.value().start}"  # type: ignore[union-attr]
    try:
        return f"{key}={next(override.sweep_string_iterator())}"
    except (StopIteration, AssertionError):
        raise UserError(f"{override.input_line} has no first value to show; give {key} one value") from None


def _check_flags(line: CommandLine) -> None:
    typed = [name for name in EXCLUSIVE if name in line.flags]
    if len(typed) > 1 and not (typed[0] == "multirun" and len(typed) == 2 and typed[1] in SHOWN_FOR_SWEEPS):
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in typed)
        raise UserError(f"{flags} cannot be used together; choose one of them")
    for name in ("resolve", "package"):
        if name in line.flags and "cfg" not in line.flags:
            raise UserError(f"--{name} is for --cfg: add --cfg job, --cfg hydra or --cfg all")
