"""What a sweep varies, for a run in its folder."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from cnnlab.experiment.schema import OF_SWEEPS
from cnnlab.files import read_file
from cnnlab.run.record import MAX_BYTES

RECORD = "multirun.yaml"  # in a sweep's folder: its config, as Hydra has it
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of OmegaConf's time, which every job would spend
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError, yaml.YAMLError)
TRIAL = re.compile(r"\d{4,},")  # starts the name of a trial's folder
NOT_VARIED = (  # what a search or a resume adds, and what is no part of an experiment
    *("callbacks.pruning", "console", "hydra.", "logger", "resume", "trust", *OF_SWEEPS),
)


def swept_keys(folder: Path, overrides: Iterable[str]) -> dict[str, bool]:
    """The keys that vary in a run's sweep, and whether all of their values are numbers.

    Args:
        folder: The run's folder.
        overrides: The run's.

    Returns:
        The seed is the last key; empty for a run in no sweep, or in one whose record is damaged.
    """
    overrides = list(overrides)
    if TRIAL.match(folder.name):
        return _searched(folder.name, overrides)
    try:
        hydra = yaml.load(read_file(folder.parent / RECORD, MAX_BYTES), Loader=LOADER)["hydra"]
        excluded = set(hydra["job"]["config"]["override_dirname"]["exclude_keys"])
        texts_only = _with_a_text(hydra)
    except (*UNREADABLE, HydraException):
        return {}
    keys = [text.partition("=")[0].lstrip("+~") for text in overrides]
    keys = [key for key in dict.fromkeys(keys) if key not in excluded and not key.startswith(NOT_VARIED)]
    return {key: key not in texts_only for key in sorted(keys, key=lambda key: key == "seed")}


def is_number(value: Any) -> bool:
    """Whether a config's value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _searched(name: str, overrides: Iterable[str]) -> dict[str, bool]:
    """The same for a trial of a search, which leaves no such record: the overrides that are in its name."""
    searched = [text for text in overrides if f",{text}," in f"{name},"]
    parsed = OverridesParser.create().parse_overrides(searched)
    return {override.key_or_group: _are_numbers(override) for override in parsed}


def _with_a_text(hydra: Any) -> set[str]:
    """The keys whose swept values are not all numbers."""
    params = (hydra["sweeper"].get("params") or {}).items()
    lines = [f"{key}={value}" for key, value in params if isinstance(value, str | int | float)]
    parsed = OverridesParser.create().parse_overrides([*lines, *map(str, hydra["overrides"]["task"])])
    last = {override.key_or_group: override for override in parsed}  # the command line replaces the file's
    return {key for key, override in last.items() if not _are_numbers(override)}


def _are_numbers(override: Override) -> bool:
    if not override.is_sweep_override():
        return is_number(override.value())
    if override.is_range_sweep() or not override.is_discrete_sweep():
        return True  # a range, which may be long, or an interval
    try:
        return all(map(is_number, override.sweep_iterator()))
    except HydraException:  # a glob, of options
        return False
