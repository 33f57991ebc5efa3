"""`resume=<run folder>`: repeats the run's command in its folder."""

import re
import shlex
from pathlib import Path

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.identity import difference
from cnnlab.experiment.loggers import nest_overrides
from cnnlab.experiment.schema import as_typed
from cnnlab.run.folder import RunFolder

KEY = "resume="
SINGLE_RUN = "hydra.mode=RUN"  # even if `sweep=…` sets MULTIRUN


def expand_resume(arguments: list[str]) -> list[str]:
    """Replaces `resume=<run folder>` by the run's recorded overrides and its folder.

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
        raise UserError(f"{named[-1]} resumes a single run, but -m starts many; remove one of them")
    folder = _folder(named[-1])
    if not folder.has_started:
        raise UserError(f"resume={folder}: no run there; it must be a run folder, such as outputs/runs/<time>-<name>")
    recorded = [override for override in _overrides(folder) if not override.startswith(KEY)]
    added = [argument for argument in arguments if argument not in named and argument not in recorded]
    # Hydra would rewrite its record, not atomically: a run killed at that moment could not be resumed
    own = [f"hydra.run.dir={quote(folder.path)}", "hydra.output_subdir=null", SINGLE_RUN]
    return [*recorded, *added, *(text for text in own if text not in added), f"{KEY}{quote(folder.path)}"]


def finished(arguments: list[str]) -> RunFolder | None:
    """The folder that `resume=` names, if its run is final and there are no other arguments."""
    if len(arguments) != 1 or not arguments[0].lstrip("+").startswith(KEY):
        return None
    folder = _folder(arguments[0])
    return folder if folder.status is not None and folder.status.is_final else None


def check_same_experiment(config: DictConfig) -> None:
    """Rejects a resume with a changed experiment.

    Args:
        config: A composed config; its `resume` names the run, if any.

    Raises:
        UserError: If a value that can change the numbers differs from the run's.
    """
    if config.resume is None:
        return
    if change := difference(RunFolder(Path(config.resume)).config(), config):
        raise UserError(
            f"{change.name}={as_typed(change.now)}, but the run in {config.resume} has "
            f"{change.name}={as_typed(change.before)}; resume it without the change, or start a new run"
        )


def _overrides(folder: RunFolder) -> list[str]:
    """The recorded overrides, with those of an older run's only logger under its name."""
    overrides = folder.overrides()
    nested = nest_overrides(overrides)
    if nested != overrides:
        logger = folder.config().get("logger")
        return nested if isinstance(logger, DictConfig) and "_target_" in logger else overrides
    return overrides


def _folder(argument: str) -> RunFolder:
    return RunFolder(Path(argument.lstrip("+").removeprefix(KEY).strip("\"'")))


def quote(value: Path | str) -> str:
    """Quotes a text as the value of an override."""
    text = str(value)
    if shlex.quote(text) == text and "=" not in text:
        return text
    return "'" + re.sub(r"(\\*)('|$)", _escape, text) + "'"


def _escape(match: re.Match[str]) -> str:
    backslashes, ending = match.groups()  # Hydra takes backslashes as they are, but before a quote
    return backslashes * 2 + ("\\'" if ending else "")
