"""Error messages: one line for errors that the user can fix."""

import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from cnnlab.cli.config_tree import config_tree
from cnnlab.cli.options import hint_for_option
from cnnlab.cli.suggestions import suggest_key
from cnnlab.errors import one_line, users_mistake
from cnnlab.experiment.schema import RULES
from cnnlab.file_errors import DISK_FULL, FAILED_DISK, IN_THE_WAY, NO_ROOM, NOT_ALLOWED, remedy, why_unreadable
from cnnlab.files import read_text
from cnnlab.program import as_command
from cnnlab.run.flags import CommandLine
from cnnlab.run.resumable import KEY

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(e[+-]?\d+)?", re.IGNORECASE)
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
INTERPOLATION = re.compile(r"Interpolation key|Unsupported interpolation|Recursive interpolation")


def explain(error: Exception, arguments: Sequence[str] = ()) -> str | None:
    """One line for an error that the user can fix; None for a bug.

    Args:
        error: What ended the program.
        arguments: The command line after the program's name.
    """
    text = one_line(error)
    if (mistake := users_mistake(error)) is not None:
        return _with_hint(str(mistake), list(arguments))
    if isinstance(error, MissingConfigException) and error.options:
        return _explain_option(error.missing_cfg_file or "", [str(option) for option in error.options])
    if unknown := re.match(r"Could not override '(.+?)'\.", text):
        return _explain_key(unknown.group(1), list(arguments))
    if twice := re.match(r"Could not append to config\. An item is already at '(.+?)'", text):
        return f"{twice.group(1)} is in this config already; set it without +: {twice.group(1)}=…"
    if absent := re.match(r"Could not delete from config\. '(.+?)' does not exist", text):
        return f"~{absent.group(1)} removes nothing: {_explain_key(absent.group(1), list(arguments))}"
    if absent := re.match(r"Could not delete '(.+?)'\. No match in the defaults list", text):
        return f"~{absent.group(1)} removes nothing, since {absent.group(1)} is not chosen; leave it out"
    if absent := re.match(r"(?:In '.+?': )?Could not load '(.+?)'", text):
        tree = config_tree(CommandLine.parse(arguments))
        return _explain_option(absent.group(1), tree.all_groups.get(absent.group(1).rpartition("/")[0], []))
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
        whole = "; ".join(" ".join(reason.split()) for reason in dict.fromkeys(reasons))
        return _explain_interpolation(whole, list(arguments)) if "${" in whole or INTERPOLATION.match(text) else whole
    return _explain_file(error) if isinstance(error, OSError) else None


def printable(text: str) -> str:
    """A text whose control characters are escaped: it may quote a stranger's file, and a terminal would obey them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _explain_key(key: str, arguments: list[str]) -> str:
    typed = (text.lstrip("+").partition("=") for text in arguments)
    value = next((value for name, _, value in typed if name == key), "")
    tree = config_tree(CommandLine.parse(arguments))
    return f"{key} is not in this config; {suggest_key(tree, key, value, tree.choices(arguments))}"


def _explain_option(config_file: str, options: list[str]) -> str:
    group, _, option = config_file.rpartition("/")
    hint = hint_for_option(group, option, options)
    return f"{group}={option} is not an option; choose from {', '.join(options)}{hint and f'; {hint}'}"


def _explain_interpolation(text: str, arguments: list[str]) -> str:
    """A `${…}` that cannot be resolved: its key, and the user's own file that has it."""
    reason, _, rest = text.partition("full_key: ")
    key = rest.partition(" object_type")[0].strip()
    if not key:
        return text
    reason = reason.strip().strip(";").strip()
    if missing := re.match(r"Interpolation key '(.+?)' not found", reason):
        name, why = missing[1], f"${{{missing[1]}}} refers to a key that does not exist"
    elif unknown := re.match(r"Unsupported interpolation type (\S+)", reason):
        name, why = f"{unknown[1]}:", f"${{{unknown[1]}:…}} names a resolver that does not exist"
    elif reason.startswith("Recursive interpolation"):
        name, why = "", "its ${…} refers to itself"
    else:
        name, why = "", reason
    typed = any(argument.lstrip("+").startswith(f"{key}=") for argument in arguments)
    file = None if typed else _file_with(key.rpartition(".")[2], name, arguments)
    where = "" if file is None else f"{file}: "
    return f"{where}{key} cannot be resolved: {why}; correct it, or set {key}=…"


def _file_with(key: str, name: str, arguments: list[str]) -> Path | None:
    """The file of `--config-dir`, or of the run that is resumed, in which a key has this interpolation."""
    line = CommandLine.parse(arguments)
    resumed = [text.partition("=")[2].strip("'") for text in line.overrides if text.lstrip("+").startswith(KEY)]
    files = [Path(folder, ".hydra", "config.yaml") for folder in resumed]
    for flag in {"config_dir", "config_path"} & line.flags.keys():
        files += sorted(Path(str(line.flags[flag])).rglob("*.yaml"))
    pattern = re.compile(rf"\b{re.escape(key)}['\"]?\s*:.*\$\{{[^}}]*{re.escape(name)}")
    for file in files:
        try:
            if pattern.search(read_text(file)):
                return file
        except (OSError, ValueError):
            continue
    return None


def _explain_several(override: str, arguments: list[str]) -> str:
    key, _, value = override.partition("=")
    text = f"{override} has several values; for a sweep put -m first: {as_command(['-m', *arguments])}"
    if _is_decimal_comma(key, value):
        return f"{text}; for one number write a point: {key}={value.replace(',', '.')}"
    if THOUSANDS.fullmatch(value):
        return f"{text}; for one number write it without commas: {key}={value.replace(',', '')}"
    is_group = key in config_tree(CommandLine.parse(arguments)).all_groups
    return text if is_group else f"{text}; for one value with commas, quote it"


def _is_decimal_comma(key: str, value: str) -> bool:
    rule = RULES.get(key)
    is_integer = rule is not None and not rule.holds(0.5) and not rule.holds(1.5)
    return DECIMAL_COMMA.fullmatch(value) is not None and not is_integer


def _explain_file(error: OSError) -> str | None:
    """A file that cannot be read or written: which of the two is seen from the file."""
    name = error.filename if isinstance(error.filename, str | os.PathLike) else None
    where = f" {name}" if name else ""
    if error.errno in NO_ROOM:
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
