"""The command that started this program, for messages that suggest the next command."""

import shlex
import sys
from pathlib import Path

SCRIPT = "train.py"


def program(path: Path | str | None = None) -> str:
    """The command that a user types: `cnnlab`, or `python train.py` with its path.

    Args:
        path: The program; None for the one running in this process.
    """
    path = Path(sys.argv[0] if path is None else path)
    return f"python {shlex.quote(str(path))}" if path.name == SCRIPT else "cnnlab"


def repository_script(path: str) -> tuple[str, ...]:
    """The command that starts a script of the repository; empty if the package is installed without it.

    Args:
        path: Relative to the repository, such as `scripts/table.py`.
    """
    script = Path(__file__).parents[2] / path
    if not script.is_file():
        return ()
    shown = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
    return (f"python {shlex.quote(str(shown))}",)
