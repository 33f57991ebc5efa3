"""`resume=<run folder>`: the same command again, in the same folder."""

import shlex
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError

from cnnlab.errors import EXIT_CODES, UserError
from cnnlab.run.result import read_result

KEY = "resume="
SINGLE_RUN = "hydra.mode=RUN"  # also where `sweep=…` says otherwise


def expand_resume(arguments: list[str]) -> list[str]:
    """Replaces `resume=<run folder>` by the overrides which that run was started with, and its folder.

    Args:
        arguments: The command line after the program's name.

    Returns:
        The command line to run; unchanged without `resume=`.

    Raises:
        UserError: If there is no run in that folder.
    """
    named = [argument for argument in arguments if argument.lstrip("+").startswith(KEY) and argument != f"{KEY}null"]
    if not named:
        return arguments
    if {"-m", "--multirun"} & set(arguments):
        raise UserError(f"{named[-1]} goes on with one run, and -m begins many; leave one of them out")
    folder = _folder(named[-1])
    record = folder / ".hydra" / "overrides.yaml"
    if not record.is_file() or record.stat().st_size == 0:
        raise UserError(f"resume={folder}: no run there; it takes a run folder such as outputs/runs/<time>-<name>")
    try:
        recorded = [str(override) for override in OmegaConf.load(record)]
    except (YAMLError, TypeError) as error:
        raise UserError(
            f"resume={folder}: {record} is damaged ({' '.join(str(error).split())}); begin a new run"
        ) from None
    recorded = [override for override in recorded if not override.startswith(KEY)]
    added = [argument for argument in arguments if argument not in named and argument not in recorded]
    # Hydra would write its record again, not atomically: killed in that moment, a run could not go on
    own = [f"hydra.run.dir={quote(folder)}", "hydra.output_subdir=null", SINGLE_RUN]
    return [*recorded, *added, *(text for text in own if text not in added), f"{KEY}{quote(folder)}"]


def finished(arguments: list[str]) -> dict[str, Any] | None:
    """The result of the run that `resume=` names, if there is nothing left to do and nothing else was typed."""
    if len(arguments) != 1 or not arguments[0].lstrip("+").startswith(KEY):
        return None
    result = read_result(_folder(arguments[0]))
    return result if result is not None and result["status"] in EXIT_CODES else None


def _folder(argument: str) -> Path:
    return Path(argument.lstrip("+").removeprefix(KEY).strip("\"'"))


def quote(value: Path | str) -> str:
    """A path, or another text, as the value of an override."""
    text = str(value)
    return text if shlex.quote(text) == text and "=" not in text else "'" + text.replace("'", r"\'") + "'"
