"""`resume=<run folder>`: the same command again, in the same folder."""

import json
import shlex
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cnnlab.errors import UserError

KEY = "resume="


def read_result(folder: Path) -> dict[str, Any] | None:
    """A run's result.json, or None while it has none."""
    path = folder / "result.json"
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def expand_resume(arguments: list[str]) -> list[str]:
    """Replaces `resume=<run folder>` by the overrides which that run was started with, and its folder.

    Args:
        arguments: The command line after the program's name.

    Returns:
        The command line to run; unchanged without `resume=`.

    Raises:
        UserError: If there is no run in that folder.
    """
    named = [argument for argument in arguments if argument.startswith(KEY) and argument != f"{KEY}null"]
    if not named:
        return arguments
    folder = Path(named[-1].removeprefix(KEY).strip("\"'"))
    record = folder / ".hydra" / "overrides.yaml"
    if not record.is_file():
        raise UserError(f"resume={folder}: no run there; it takes a run folder such as outputs/runs/<time>-<name>")
    recorded = [str(override) for override in OmegaConf.load(record)]
    recorded = [override for override in recorded if not override.startswith(KEY)]
    added = [argument for argument in arguments if argument not in named and argument not in recorded]
    return [*recorded, *added, f"hydra.run.dir={_quote(folder)}", f"{KEY}{_quote(folder)}"]


def finished(arguments: list[str]) -> dict[str, Any] | None:
    """The result of the run that `resume=` names, if there is nothing left to do."""
    named = [argument for argument in arguments if argument.startswith(KEY)]
    result = read_result(Path(named[-1].removeprefix(KEY).strip("\"'"))) if named else None
    return result if result is not None and result["status"] in ("completed", "diverged", "pruned") else None


def _quote(path: Path) -> str:
    text = str(path)
    return text if shlex.quote(text) == text and "=" not in text else "'" + text.replace("'", r"\'") + "'"
