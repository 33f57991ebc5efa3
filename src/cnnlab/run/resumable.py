"""Finds the run that `resume=` names, or says what to type instead."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError
from cnnlab.experiment.composed import texts
from cnnlab.experiment.schema import OF_SWEEPS
from cnnlab.files import expand_home
from cnnlab.program import program
from cnnlab.run.folder import RunFolder
from cnnlab.run.record import read_record
from cnnlab.run.status import Status

KEY = "resume="
SWEEP_FILES = ("sweep.lock", "known.jsonl", "multirun.yaml", "logs")


def named_folder(argument: str) -> RunFolder:
    """The folder in `resume=<run folder>`, whether or not there is a run.

    Args:
        argument: The override, quoted as Hydra wants it or not.
    """
    text = argument.lstrip("+")
    try:
        value = OverridesParser.create().parse_override(text).value()
    except HydraException:
        value = None
    typed = value if isinstance(value, str) else text.removeprefix(KEY)
    if not typed:
        raise UserError("resume= names no run folder; it is resume=outputs/runs/<time>-<name>")
    return RunFolder(Path(expand_home(typed)))


def check_has_run(folder: RunFolder) -> None:
    """Rejects a folder that holds no run.

    Raises:
        UserError: With the run that may have been meant.
    """
    if folder.unreadable is not None:
        raise UserError(f"resume={folder}: {folder.unreadable}")
    if not folder.has_started:
        raise UserError(f"resume={folder}: {_reason(folder.path)}")


def check_not_finished(folder: RunFolder, added: list[str]) -> None:
    """Rejects to resume a finished run with other values.

    Args:
        folder: The run's folder.
        added: The overrides besides `resume=`.

    Raises:
        UserError: With the command of a new run.
    """
    status = folder.status
    if status is None or not status.is_final:
        return
    recorded = [text for text in folder.overrides() if not text.startswith((KEY, "hydra.", *OF_SWEEPS))]
    new = {text.partition("=")[0]: text for text in [*recorded, *added]}
    advice = "change what made it diverge, such as optimizer.lr" if status is Status.DIVERGED else "a new run"
    raise UserError(
        f"resume={folder}: the run is {status}, so there is nothing to resume; {advice}: "
        f"{program()} {shlex.join(new.values())}".rstrip()
    )


def _reason(path: Path) -> str:
    """Why there is no run, and what to type."""
    run = next((parent for parent in path.parents if RunFolder(parent).has_started), None)
    if run is not None:
        return f"that is inside a run's folder; resume the run: {_command(run)}"
    if not path.exists():
        return f"no run there, since the folder does not exist; {_latest(path.parent)}"
    if path.is_file():
        return f"no run there, since it is a file; {_latest(path.parent)}"
    if _is_sweep(path):
        sweep = path.parent if _is_sweep(path.parent) else path  # the trials of a tuned sweep are a sweep inside it
        return f"that is a sweep's folder; {_sweep_command(sweep)} resumes all of its jobs; {_latest(path)}"
    return f"no run there; {_latest(path)}"


def _is_sweep(path: Path) -> bool:
    return any((path / name).exists() for name in SWEEP_FILES)


def _sweep_command(sweep: Path) -> str:
    """The command that started a sweep, as far as it is recorded."""
    try:
        typed = texts(read_record(sweep / "multirun.yaml").hydra.overrides.task)
    except (ValueError, TypeError, AttributeError, OmegaConfBaseException):  # RecordError, or somebody else's file
        return "the command that started it"
    return f"{program()} {shlex.join(['-m', *typed, f'hydra.sweep.dir={sweep}'])}"


def _latest(path: Path) -> str:
    """The run that was last written to, of those in a folder that can be resumed; else what to look for."""
    runs = sorted(_unfinished(path), key=lambda run: run.path.stat().st_mtime)
    if runs:
        return f"the latest run there that can be resumed: {_command(runs[-1].path)}"
    return "it must be a run folder, such as outputs/runs/<time>-<name>"


def _unfinished(path: Path) -> Iterator[RunFolder]:
    if path.is_dir():
        for record in (*path.glob("*/.hydra/overrides.yaml"), *path.glob("*/*/.hydra/overrides.yaml")):
            run = RunFolder(record.parents[1])
            if run.status is not None and run.status.can_resume:
                yield run


def _command(run: Path) -> str:
    return f"{program()} {shlex.quote(f'{KEY}{run}')}"
