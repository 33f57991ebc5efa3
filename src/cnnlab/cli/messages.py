"""Error messages: one line for errors that the user can fix."""

import difflib
import errno
import re

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import users_mistake
from cnnlab.experiment.check import TOP_LEVEL
from cnnlab.program import program

# the user can fix a full disk or missing permissions
STORAGE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


def explain(error: Exception) -> str | None:
    """One line for an error that the user can fix; None for a bug."""
    if (mistake := users_mistake(error)) is not None:
        return str(mistake)
    if isinstance(error, MissingConfigException) and error.options:
        return _explain_option(error.missing_cfg_file or "", [str(option) for option in error.options])
    if unknown := re.match(r"Could not override '(.+)'\.", str(error)):
        return _explain_key(unknown.group(1))
    if several := re.match(r"Ambiguous value for argument '(.+?)'", str(error)):
        return (
            f"{several.group(1)} has several values; for a sweep put -m before it: {program()} -m …; for one value "
            "with commas, quote it"
        )
    if "missing EQUAL" in str(error):
        return f"{' '.join(str(error).partition('See https')[0].split())}; an override is key=value"
    if str(error).startswith("Config group override must be a string or a list"):
        return f"a config group must be set to one of its options, see --help ({' '.join(str(error).split())})"
    if isinstance(error, OverrideParseException):
        return f"{' '.join(str(error).split())}; a value with special characters needs quotes: 'key=\"value\"'"
    if isinstance(error, HydraException | OmegaConfBaseException):
        reasons = [str(error)] + ([str(error.__cause__)] if error.__cause__ is not None else [])
        return "; ".join(" ".join(reason.split()) for reason in dict.fromkeys(reasons))
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        where = f": {error.filename}" if error.filename else ""
        return f"cannot write the run's files: {error.strerror}{where}; free some space, or set another hydra.run.dir"
    return None


def printable(text: str) -> str:
    """A text whose control characters are escaped: it may quote a stranger's file, and a terminal would obey them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _explain_key(key: str) -> str:
    room, _, rest = key.partition(".")
    if room == "hydra":
        return f"{key} is not in this config; --cfg hydra lists its keys"
    if rest:
        return f"{key} is not in this config; --cfg job lists its keys, and +{key}=… adds this one"
    near = difflib.get_close_matches(key, TOP_LEVEL, n=1)
    return f"{key} is not in this config; " + (f"did you mean {near[0]}?" if near else "--cfg job lists its keys")


def _explain_option(config_file: str, options: list[str]) -> str:
    group, _, option = config_file.rpartition("/")
    near = difflib.get_close_matches(option, options, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{group}={option} is not an option; choose from {', '.join(options)}{hint}"
