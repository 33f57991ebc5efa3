"""The command line around a run: what Hydra does not do, and how errors read."""

import difflib
import errno
import os
import sys
from collections.abc import Callable

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import Diverged, UserError
from cnnlab.resume import expand_resume, finished
from cnnlab.signals import Interrupted, SignalGuard

EXIT_FAILED, EXIT_USER_ERROR, EXIT_DIVERGED = 1, 2, 3
# a disk that is full or not ours to write is the user's to mend
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def command_line(main: Callable[[], object]) -> int:
    """Runs a Hydra program on `sys.argv`.

    Args:
        main: A function decorated by `hydra.main`.

    Returns:
        The exit code: 0, 2 for the user's mistakes, 3 for a divergence; interruptions exit with 130 or 143.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then lets exceptions through, and `_explain` words them
    with SignalGuard():
        try:
            if "LOCAL_RANK" not in os.environ:  # a worker gets the command line of the first process
                sys.argv[1:] = expand_resume(sys.argv[1:])
                if (result := finished(sys.argv[1:])) is not None:
                    print(f"nothing to do: this run is {result['status']}, test/acc {result['metrics']['test/acc']}")
                    return EXIT_DIVERGED if result["status"] == "diverged" else 0
            main()
        except Interrupted:
            raise
        except Diverged as error:
            print(f"diverged: {error}", file=sys.stderr)
            return EXIT_DIVERGED
        except Exception as error:
            line = _explain(error)
            if line is None:
                raise
            print(f"error: {line}", file=sys.stderr)
            return EXIT_USER_ERROR
    return 0


def _explain(error: Exception) -> str | None:
    """One line for what the user can mend, None for what we have to."""
    if isinstance(error, MissingConfigException) and error.options:
        return _explain_option(error.missing_cfg_file or "", [str(option) for option in error.options])
    if isinstance(error, HydraException | OmegaConfBaseException):
        reasons = [str(error)] + ([str(error.__cause__)] if error.__cause__ is not None else [])
        return "; ".join(" ".join(reason.split()) for reason in dict.fromkeys(reasons))
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        return f"cannot write the run's files: {error.strerror}{f': {error.filename}' if error.filename else ''}"
    return str(error) if isinstance(error, UserError) else None


def _explain_option(config_file: str, options: list[str]) -> str:
    group, _, option = config_file.rpartition("/")
    near = difflib.get_close_matches(option, options, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{group}={option} is not an option; {group} takes {', '.join(options)}{hint}"
