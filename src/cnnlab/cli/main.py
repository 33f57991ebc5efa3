"""The command line around a run: what Hydra does not do, and how errors read."""

import difflib
import errno
import gc
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import cnnlab
from cnnlab.cli.output import unfailing_output
from cnnlab.errors import EXIT_USER_ERROR, Carried, Diverged, Pruned, SweepFailed, UserError
from cnnlab.program import program
from cnnlab.run.resume import expand_resume, finished
from cnnlab.run.status import Status
from cnnlab.signals import SignalGuard

# a disk that is full or not ours to write is the user's to mend
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
GARBAGE_THRESHOLD = 100_000  # new objects before a search for garbage; at 700, a fifth of a start is searches in vain


def main() -> int:
    """`cnnlab`, and `python train.py`: composes an experiment from `sys.argv`, and runs it.

    Returns:
        As for `command_line`.
    """
    gc.set_threshold(GARBAGE_THRESHOLD)
    OmegaConf.register_new_resolver("program", program, replace=True)  # for the text of --help
    return command_line(hydra.main(config_path=str(config_folder()), config_name="train", version_base="1.3")(_train))


def config_folder() -> Path:
    """The config groups: inside the installed package, or at the top of the repository that it is imported from."""
    package = Path(cnnlab.__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parents[1] / "conf"


def _train(config: DictConfig) -> float | None:
    """One run, from its config; returns its objective."""
    try:
        from cnnlab.run.execution import run  # here, since torch takes seconds that --help should not

        return run(config)
    except Exception as error:
        if HydraConfig.get().mode is RunMode.MULTIRUN:
            raise  # a job's failure must not end the other jobs
        raise Carried(error) from error


def command_line(main: Callable[[], object]) -> int:
    """Runs a Hydra program on `sys.argv`.

    Args:
        main: A function decorated by `hydra.main`.

    Returns:
        The exit code: 0, 2 for the user's mistakes, 3 for a divergence, 4 for a pruned run; interruptions exit with 130
        or 143.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets exceptions through, and `_explain` words them
    with unfailing_output(), SignalGuard():
        try:
            if "LOCAL_RANK" not in os.environ:  # a worker gets the command line of the first process
                if (folder := finished(sys.argv[1:])) is not None and (status := folder.status) is not None:
                    print(f"nothing to do: the run in {folder} is {status.label}")
                    return status.exit_code
                sys.argv[1:] = expand_resume(sys.argv[1:])
            main()
        except Carried as carrier:
            return _report(carrier.error)
        except Exception as error:
            return _report(error)
    return 0


def _report(error: Exception) -> int:
    if isinstance(error, Diverged):
        print(f"diverged: {error}", file=sys.stderr)
        return Status.DIVERGED.exit_code
    if isinstance(error, Pruned):
        print(f"pruned: {error}", file=sys.stderr)
        return Status.PRUNED.exit_code
    if isinstance(error, SweepFailed):
        return Status.FAILED.exit_code
    line = _explain(error)
    if line is not None:
        print(f"error: {line}", file=sys.stderr)
        return EXIT_USER_ERROR
    traceback.print_exception(error)
    return Status.FAILED.exit_code


def _explain(error: Exception) -> str | None:
    """One line for what the user can mend, None for what we have to."""
    if isinstance(error, MissingConfigException) and error.options:
        return _explain_option(error.missing_cfg_file or "", [str(option) for option in error.options])
    if unknown := re.match(r"Could not override '(.+)'\.", str(error)):
        key = unknown.group(1)
        return f"{key} is not in this config; --cfg job shows what is, and +{key}=… adds it"
    if str(error).startswith("Config group override must be a string or a list"):
        return f"a config group takes one of its options, see --help ({' '.join(str(error).split())})"
    if isinstance(error, OverrideParseException):
        return f"{' '.join(str(error).split())}; a value with special characters needs quotes: 'key=\"value\"'"
    if isinstance(error, HydraException | OmegaConfBaseException):
        reasons = [str(error)] + ([str(error.__cause__)] if error.__cause__ is not None else [])
        return "; ".join(" ".join(reason.split()) for reason in dict.fromkeys(reasons))
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        where = f": {error.filename}" if error.filename else ""
        return f"cannot write the run's files: {error.strerror}{where}; free some space, or give another hydra.run.dir"
    return str(error) if isinstance(error, UserError) else None


def _explain_option(config_file: str, options: list[str]) -> str:
    group, _, option = config_file.rpartition("/")
    near = difflib.get_close_matches(option, options, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{group}={option} is not an option; {group} takes {', '.join(options)}{hint}"
