"""Error messages: one line for errors that the user can fix."""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from cnnlab.cli.arguments import as_command, choices, config_tree
from cnnlab.cli.suggestions import nearest, suggest_key
from cnnlab.errors import users_mistake
from cnnlab.experiment.schema import RULES
from cnnlab.files import DISK_FULL, IN_THE_WAY, NOT_ALLOWED, remedy, why_unreadable
from cnnlab.run.flags import CommandLine

FAILED_DISK = (errno.EIO, errno.ESTALE, errno.ENOTCONN)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)


def explain(error: Exception, arguments: Sequence[str] = ()) -> str | None:
    """One line for an error that the user can fix; None for a bug.

    Args:
        error: What ended the program.
        arguments: The command line after the program's name.
    """
    text = " ".join(str(error).split())
    if (mistake := users_mistake(error)) is not None:
        return _with_hint(str(mistake), list(arguments))
    if isinstance(error, MissingConfigException) and error.options:
        return _explain_option(error.missing_cfg_file or "", [str(option) for option in error.options])
    if unknown := re.match(r"Could not override '(.+?)'\.", text):
        return _explain_key(unknown.group(1), list(arguments))
    if several := re.match(r"Ambiguous value for argument '(.+?)'", text):
        return _explain_several(several.group(1), list(arguments))
    if text.startswith("Config group override must be a string or a list"):
        return f"a config group must be set to one of its options, see --help ({text})"
    if isinstance(error, OverrideParseException):
        return f"{text.partition(' See https')[0]}; a value with special characters needs quotes: 'key=\"value\"'"
    if missing := re.search(r"Environment variable '(.+?)' not found", text):
        name = missing.group(1)
        return f"the environment variable {name} is not set; set it, or give a default: ${{oc.env:{name},…}}"
    if isinstance(error.__cause__, OSError) and not isinstance(error, OSError):  # logging cannot open its file
        return _explain_file(error.__cause__)
    if isinstance(error, HydraException | OmegaConfBaseException):
        reasons = [str(error)] + ([str(error.__cause__)] if error.__cause__ is not None else [])
        return "; ".join(" ".join(reason.split()) for reason in dict.fromkeys(reasons))
    return _explain_file(error) if isinstance(error, OSError) else None


def printable(text: str) -> str:
    """A text whose control characters are escaped: it may quote a stranger's file, and a terminal would obey them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _explain_key(key: str, arguments: list[str]) -> str:
    typed = (text.lstrip("+").partition("=") for text in arguments)
    value = next((value for name, _, value in typed if name == key), "")
    tree = config_tree(CommandLine.parse(arguments))
    return f"{key} is not in this config; {suggest_key(tree, key, value, choices(arguments, tree))}"


def _explain_option(config_file: str, options: list[str]) -> str:
    group, _, option = config_file.rpartition("/")
    near = nearest(option, options)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{group}={option} is not an option; choose from {', '.join(options)}{hint}"


def _explain_several(override: str, arguments: list[str]) -> str:
    key, _, value = override.partition("=")
    text = f"{override} has several values; for a sweep put -m first: {as_command(['-m', *arguments])}"
    if _is_decimal_comma(key, value):
        return f"{text}; for one number write a point: {key}={value.replace(',', '.')}"
    return f"{text}; for one value with commas, quote it"


def _is_decimal_comma(key: str, value: str) -> bool:
    rule = RULES.get(key)
    is_integer = rule is not None and not rule.holds(0.5) and not rule.holds(1.5)
    return DECIMAL_COMMA.fullmatch(value) is not None and not is_integer


def _explain_file(error: OSError) -> str | None:
    """A file that cannot be read or written: which of the two is seen from the file."""
    name = error.filename if isinstance(error.filename, str | os.PathLike) else None
    where = f" {name}" if name else ""
    if error.errno in (*DISK_FULL, errno.EFBIG):
        other = ", or set another hydra.run.dir" if error.errno in DISK_FULL else ""
        return f"cannot write the run's files: {error.strerror}{where and f':{where}'}; {remedy(error)}{other}"
    if error.errno in NOT_ALLOWED:
        if name is not None and (why := why_unreadable(Path(os.fspath(name)))) is not None:
            return f"{why}, or use another"
        return f"cannot write{where}: {error.strerror}; choose a folder that you may write to with hydra.run.dir"
    if name is not None and error.errno in (*IN_THE_WAY, *FAILED_DISK):
        return f"cannot use{where}: {error.strerror}; {remedy(error)}, or choose another"
    if error.errno == errno.ENAMETOOLONG:
        return f"cannot use the path{where}: {error.strerror}; choose another"
    return None


def _with_hint(line: str, arguments: list[str]) -> str:
    """The line of a UserError, with what only the command line shows."""
    wrong = re.match(r"(?P<key>[\w.]+)=\S* is not allowed; ", line)
    if wrong and any(
        _is_decimal_comma(key, value)
        for key, _, value in (text.partition("=") for text in arguments)
        if key == wrong["key"]
    ):
        return f"{line}; a number has a point, not a comma, which separates a sweep's values"
    if unknown := re.match(r"(?P<key>[\w.]+) is not a key of this config", line):
        return _explain_key(unknown["key"], arguments)
    return line
