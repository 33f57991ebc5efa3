"""What is done with the command line before Hydra reads it: paths and texts that it would misread are quoted."""

import re
from collections.abc import Iterator
from pathlib import Path

from cnnlab.cli.config_tree import config_tree
from cnnlab.cli.form import check_flags, check_form
from cnnlab.cli.grammar import parse, shell_quoted
from cnnlab.errors import UserError
from cnnlab.files import expand_home
from cnnlab.run.flags import CommandLine
from cnnlab.run.resume import quote

PATHS = (
    *("resume", "data.root", "data.files.folder", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
    *("hydra.output_subdir", "hydra.launcher.submitit_folder", "hydra.sweeper.storage"),
)
FUNCTIONS = r"(choice|range|interval|glob|shuffle|sort|tag|str|int|float|bool|json_str|extend_list)\("
UNREAD = {"hydra_help", "version", "shell_completion"}  # flags with which no override is read


def prepare(arguments: list[str]) -> CommandLine:
    """Quotes what Hydra would misread in paths and names, expands `~`, and rejects what it cannot read.

    Args:
        arguments: The words after the program's name.

    Raises:
        UserError: With what to type.
    """
    _check_working_folder()
    line = CommandLine.parse(arguments)
    tree = config_tree(line)
    check_flags(arguments, line, tree)
    flags = _with_paths(line.flags)
    if "help" in flags:  # Hydra composes the config for it, so `--help adam` would fail
        return CommandLine(flags, [text for text in line.overrides if "=" in text])
    if UNREAD & flags.keys():
        return CommandLine(flags, line.overrides)
    check_form(arguments, line, tree)
    is_sweep = "multirun" in flags or any(text.startswith(("sweep=", "hydra.mode=M")) for text in line.overrides)
    return CommandLine(flags, [_prepare(text, is_sweep=is_sweep) for text in line.overrides])


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder does not exist any more; change to one that does (cd)") from None


def _prepare(text: str, *, is_sweep: bool) -> str:
    """An override as Hydra must read it."""
    key, _, value = text.partition("=")
    if text.startswith("~"):
        return text
    is_path = key.lstrip("+") in PATHS
    parsed = parse(text)
    if is_path and value and value != "null" and not re.match(FUNCTIONS, value):
        return f"{key}={','.join(_path_values(value, is_sweep=is_sweep))}"
    if parsed is None and not re.search(r"""["'\[\]{}()$,=\\]""", value):
        return f"{key}={quote(value)}"  # a plain text with letters or spaces that the grammar lacks
    if parsed is None and is_sweep and not re.search(r"""["'\[\]{}()$=\\]""", value):
        parts = [part if parse(f"{key}={part}") is not None else quote(part) for part in value.split(",")]
        return f"{key}={','.join(parts)}"
    if parsed is None and value.startswith("${") and not re.search(r"""["'\\]""", value):
        return f"{key}={quote(value)}"  # it lacks interpolations in interpolations too
    if parsed is None:
        quoted = shell_quoted(f"{key}={quote(value)}")
        raise UserError(f"{text} cannot be read; quote the value, and all of it for the shell: {quoted}")
    return text


def _path_values(value: str, *, is_sweep: bool) -> Iterator[str]:
    """A path, or those that are swept over, as Hydra's grammar wants them."""
    if value[0] in "'\"":
        read = parse(f"key={value}")
        yield value if read is None or not isinstance(read.value(), str) else _path_value(value, str(read.value()))
        return
    for path in value.split(",") if is_sweep else [value]:
        yield _path_value(path, path)


def _path_value(typed: str, path: str) -> str:
    expanded = expand_home(path)
    read = parse(f"key={typed}")  # a path like 1 or a,b would be read as something else
    is_as_typed = read is not None and not read.is_sweep_override() and read.value() == expanded
    return typed if is_as_typed else quote(expanded)


def _with_paths(flags: dict[str, str | bool]) -> dict[str, str | bool]:
    """Flags with `~` expanded, and `--config-path` taken from the current folder; Hydra takes it from a module's."""
    expanded = dict(flags)
    for name in {"config_dir", "config_path"} & flags.keys():
        expanded[name] = expand_home(str(flags[name]))
    path = str(expanded.get("config_path", ""))
    if path and "://" not in path:
        expanded["config_path"] = str(Path(path).absolute())
    return expanded
