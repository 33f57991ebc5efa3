"""`resume=<run folder>`: repeats the run's command in its folder."""

import re
import shlex
from pathlib import Path

from omegaconf import DictConfig

from cnnlab.errors import UserError
from cnnlab.experiment.composed import texts
from cnnlab.experiment.identity import difference
from cnnlab.experiment.loggers import nest_overrides
from cnnlab.program import as_typed, program
from cnnlab.run.flags import CONFIG_FLAGS, CommandLine
from cnnlab.run.folder import RunFolder
from cnnlab.run.resumable import KEY, check_has_run, check_not_finished, named_folder

NOT_RESUMED = r"[+~]*(hydra[./=@]|resume=|trust=)"  # recorded overrides that a resume leaves out
SINGLE_RUN = "hydra.mode=RUN"  # even if `sweep=…` sets MULTIRUN
PRIMARY = "train"  # the config's name
SEARCH_PATH = "hydra.searchpath"
JOB_KEYS = ("hydra.job.num=", "hydra.job.id=", "hydra.job.name=")  # to which a value may refer


def expand_resume(line: CommandLine, conf: Path | None = None) -> CommandLine:
    """Replaces `resume=<run folder>` by the run's recorded overrides, its config folders and its own folder.

    Args:
        line: What the user typed.
        conf: The folder of this program's configs.

    Returns:
        The command line to run; unchanged without `resume=`.

    Raises:
        UserError: If there is no run in that folder.
    """
    named = _naming(line)
    if not named:
        return line
    if "multirun" in line.flags:
        raise UserError(f"{named[-1]} resumes a single run, but -m starts many; remove one of them")
    folder = named_folder(named[-1])
    check_has_run(folder)
    recorded = _recorded(folder)
    added = [text for text in line.overrides if text not in named and text not in recorded]
    if added and not set(line.flags) - set(CONFIG_FLAGS):  # --cfg only shows
        check_not_finished(folder, added)
    source = recorded_source(folder, line, conf)
    # Hydra would rewrite its record, not atomically: a run killed at that moment could not be resumed
    own = [f"hydra.run.dir={quote(folder.path)}", "hydra.output_subdir=null", SINGLE_RUN]
    own += [text for text in source.overrides if _key(text) not in map(_key, added)]
    overrides = [*recorded, *added, *(text for text in own if text not in added), f"{KEY}{quote(folder.path)}"]
    return CommandLine({**source.flags, **line.flags}, overrides)


def recorded_source(folder: RunFolder, typed: CommandLine, conf: Path | None = None) -> CommandLine:
    """Where a run's config was composed from, as flags and overrides: what `.hydra/overrides.yaml` does not have.

    Args:
        folder: The run's folder.
        typed: The command line that resumes it, whose flags replace the recorded ones.
        conf: The folder of this program's configs.

    Raises:
        UserError: If a folder of the search path does not exist any more, and the command line names no other.
    """
    hydra = folder.hydra()
    flags: dict[str, str | bool] = {}
    search_path = []
    for source in hydra.runtime.config_sources:
        path = Path(hydra.runtime.cwd, source.path).absolute()
        if source.provider == "main" and conf is not None and source.schema == "file" and path != conf:
            if path.is_dir() or path.name != conf.name:  # else this program itself has been moved
                flags["config_path"] = _existing(path, "config_path", folder, typed)
        elif source.provider == "main" and source.schema == "pkg":
            flags["config_path"] = f"pkg://{source.path}"
        elif source.provider == "command-line":
            flags["config_dir"] = _existing(path, "config_dir", folder, typed)
        elif source.provider == "hydra.searchpath in command-line":
            entry = source.path if source.schema != "file" else _existing(path, SEARCH_PATH, folder, typed)
            search_path.append(_quoted(f"{source.schema}://{entry}"))
    overrides = [f"{SEARCH_PATH}=[{','.join(search_path)}]"] if search_path else []
    if hydra.job.config_name not in (None, PRIMARY):
        flags["config_name"] = hydra.job.config_name
    overrides += [text for text in texts(hydra.overrides.hydra) if text.startswith(JOB_KEYS)]
    return CommandLine(flags, overrides)


def _existing(path: Path, name: str, folder: RunFolder, typed: CommandLine) -> str:
    """A folder of the search path, unless the command line replaces it."""
    is_replaced = name in typed.flags or any(_key(text) == name for text in typed.overrides)
    if is_replaced or path.is_dir():
        return str(path)
    new = f"{SEARCH_PATH}=[<folder>]" if name == SEARCH_PATH else f"--{name.replace('_', '-')} <folder>"
    raise UserError(
        f"resume={folder}: its config folder {path} does not exist; if it was moved, name its new place: "
        f"{program()} {new} {KEY}{shlex.quote(str(folder))}"
    )


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def finished(line: CommandLine) -> RunFolder | None:
    """The folder that `resume=` names, if its run is final and what else is typed are its config folder or its values.

    Args:
        line: What the user typed.
    """
    named = _naming(line)
    if not named or set(line.flags) - set(CONFIG_FLAGS):
        return None
    folder, others = named_folder(named[-1]), [text for text in line.overrides if text not in named]
    if folder.status is None or not folder.status.is_final:
        return None
    return folder if not others or set(others) <= set(folder.overrides()) else None


def _naming(line: CommandLine) -> list[str]:
    """The overrides that name a run to resume."""
    return [text for text in line.overrides if text.lstrip("+").startswith(KEY) and text != f"{KEY}null"]


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


def _recorded(folder: RunFolder) -> list[str]:
    """The run's overrides of its experiment; the folder may be a stranger's, so it cannot change what Hydra does.

    Raises:
        UserError: If one is not an override.
    """
    overrides = [text.strip() for text in folder.overrides()]
    for text in overrides:
        if text.startswith("-") or ("=" not in text and not text.startswith("~")):
            raise UserError(f"{folder}: its record has {text!r}, which is not an override; start a new run")
    return _with_named_logger(folder, [text for text in overrides if not re.match(NOT_RESUMED, text)])


def _with_named_logger(folder: RunFolder, overrides: list[str]) -> list[str]:
    """Recorded overrides, with those of an older run's only logger under its name."""
    nested = nest_overrides(overrides)
    if nested != overrides:
        logger = folder.config().get("logger")
        return nested if isinstance(logger, DictConfig) and "_target_" in logger else overrides
    return overrides


def quote(value: Path | str) -> str:
    """Quotes a text as the value of an override."""
    text = str(value)
    if shlex.quote(text) == text and not re.search("[=,]", text) and not _is_other_type(text):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return "'" + re.sub(r"(\\*)('|$)", _escape, text) + "'"


def _is_other_type(text: str) -> bool:
    """Whether Hydra would read it as a number, a boolean or null."""
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false", "null")
    return True


def _escape(match: re.Match[str]) -> str:
    backslashes, ending = match.groups()  # Hydra takes backslashes as they are, but before a quote
    return backslashes * 2 + ("\\'" if ending else "")
