"""The command that started this program, for messages that suggest the next command."""

import json
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

SCRIPT = "train.py"


def program(path: Path | str | None = None) -> str:
    """The command that a user types: `cnnlab`, or `python train.py` with its path.

    Args:
        path: The program; None for the one running in this process.
    """
    path = Path(sys.argv[0] if path is None else path)
    return f"python {shlex.quote(str(path))}" if path.name == SCRIPT else "cnnlab"


def as_typed(value: Any) -> str:
    """A value as typed on the command line.

    Args:
        value: A value of a config.
    """
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def as_command(arguments: Iterable[str]) -> str:
    """A command line that the user may type.

    Args:
        arguments: The words after the program's name.
    """
    return f"{program()} {shlex.join(arguments)}"


def repository_script(path: str) -> tuple[str, ...]:
    """The command that starts a script of the repository; empty if the package is installed without it.

    Args:
        path: Relative to the repository, such as `scripts/report.py`.
    """
    script = Path(__file__).parents[2] / path
    if not script.is_file():
        return ()
    return (f"python {shlex.quote(as_typed_path(script))}",)


def working_folder() -> Path:
    """The folder in which the command was typed, which `hydra.job.chdir=true` leaves."""
    config: Any = HydraConfig.instance().cfg
    typed_in = None if config is None else OmegaConf.select(config, "hydra.runtime.cwd", throw_on_missing=False)
    return Path.cwd() if typed_in is None else Path(typed_in)


def as_typed_path(path: Path) -> str:
    """A path as a user would type it: relative, if it is inside the folder in which the command was typed."""
    here = working_folder()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def install_command(extra: str) -> str:
    """The command that installs the packages of one of cnnlab's extras, in a repository and beside a wheel alike.

    Args:
        extra: As in pyproject.toml, such as `slurm`.
    """
    from importlib.metadata import PackageNotFoundError, requires  # here, since it takes a tenth of a second

    try:
        required = requires("cnnlab") or []
    except PackageNotFoundError:
        required = []
    marker = re.compile(rf"""\bextra\s*==\s*["']{re.escape(extra)}["']""")
    packages = [
        name.strip() for name, _, condition in (text.partition(";") for text in required) if marker.search(condition)
    ]
    return f"pip install {shlex.join(packages or [extra])}"
