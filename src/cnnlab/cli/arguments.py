"""What is done with the command line before Hydra reads it: paths that it would misread, and mistakes in its form."""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from cnnlab.cli.config_tree import ConfigTree, config_folder
from cnnlab.cli.suggestions import nearest, suggest_key
from cnnlab.errors import UserError
from cnnlab.experiment.check import TOP_LEVEL
from cnnlab.files import expand_home
from cnnlab.program import program
from cnnlab.run.flags import FLAGS, CommandLine
from cnnlab.run.resume import quote

PATHS = (
    *("resume", "data.root", "data.files.folder", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
    *("hydra.output_subdir", "hydra.launcher.submitit_folder", "hydra.sweeper.storage"),
)
NEEDED = ("optimizer.lr", "optimizer.weight_decay")  # and all that are in no group
FUNCTIONS = r"(choice|range|interval|glob|shuffle|sort|tag|str|int|float|bool|json_str|extend_list)\("
UNREAD = {"help", "hydra_help", "version", "shell_completion"}  # flags with which no override is read
DASHES = "‐‑‒–—―−"  # of word processors
TYPOGRAPHIC_QUOTES = "“”„«»‘’‚"


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
    _check_flags(arguments, line, tree)
    flags = _with_paths(line.flags)
    if UNREAD & flags.keys():
        return CommandLine(flags, line.overrides)
    _check_form(arguments, line, tree)
    is_sweep = "multirun" in flags or any(text.startswith(("sweep=", "hydra.mode=M")) for text in line.overrides)
    return CommandLine(flags, [_prepare(text, is_sweep=is_sweep) for text in line.overrides])


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the current folder does not exist any more; change to one that does (cd)") from None


def config_tree(line: CommandLine) -> ConfigTree:
    """The config groups, with those of `--config-dir`."""
    added = line.flags.get("config_dir")
    return ConfigTree([config_folder(), *([] if added is None else [Path(expand_home(str(added)))])])


def choices(arguments: list[str], tree: ConfigTree) -> dict[str, list[str]]:
    """The options of the groups on the command line; several if it sweeps over them."""
    named = (text.lstrip("+").partition("=") for text in arguments)
    return {group: [*re.split(r"[,\s]+", value)] for group, _, value in named if group in tree.groups and value}


def _check_flags(arguments: list[str], line: CommandLine, tree: ConfigTree) -> None:
    """Rejects flags that do not exist."""
    for text, following in zip(arguments, [*arguments[1:], ""], strict=False):  # nothing may be typed
        name = text.lstrip(f"{DASHES}-")
        typed = f"{'--' if len(name) > 2 else '-'}{name}"
        if text[:1] in tuple(DASHES) and typed.partition("=")[0] in FLAGS:
            raise UserError(f"{text} begins with a dash; type a hyphen: {typed}")
        if text[:1] in tuple(DASHES) or text in line.unknown:
            raise UserError(_explain_flag(text, name, following, tree))


def _check_form(arguments: list[str], line: CommandLine, tree: ConfigTree) -> None:
    """Rejects flags that come too late, and overrides that are not `key=value`."""
    overrides = line.overrides
    if not line.is_in_order:
        moved = [text for text in arguments if text not in overrides]
        flag = next(text for text in moved if text.startswith("-"))
        raise UserError(f"put {flag} first: {as_command([*moved, *overrides])}")
    for number, text in enumerate(overrides):
        is_cut = text.endswith("=") and "=" not in "".join(overrides[number + 1 : number + 2] or "=")
        if ("=" not in text and text[:1] != "~") or text.startswith("=") or is_cut:
            raise UserError(_explain_word(number, overrides, tree))
        _check_group(text, tree)
        if text.startswith("~") and text[1:].partition("=")[0] in (*tree.common, *NEEDED):
            raise UserError(
                f"{text} removes a value that every run needs; set it instead: {text[1:].partition('=')[0]}=…"
            )


def _explain_flag(text: str, typed: str, following: str, tree: ConfigTree) -> str:
    name, _, value = typed.partition("=")
    if not value and following and "=" not in following and not following.startswith("-"):
        value = following
    if text.lower() in FLAGS:
        return f"{text} is not a flag; did you mean {text.lower()}?"
    if near := nearest(text.partition("=")[0], [flag for flag in FLAGS if flag.startswith("--")]):
        return f"{text} is not a flag; did you mean {near[0]}?"
    typed = f"{name}={value}" if name in tree.groups or name in tree.keys else suggest_key(tree, name, value, {})
    hint = f"write {typed}" if typed.startswith(f"{name}=") else typed
    return f"{text} is not a flag; a value is set without hyphens, as key=value: {hint}"


def _explain_word(number: int, overrides: list[str], tree: ConfigTree) -> str:
    """What to type instead of an override that has no `=`, or nothing before or after it."""
    text = overrides[number]
    before = overrides[number - 1] if number else ""
    after = overrides[number + 1] if number + 1 < len(overrides) else ""
    last = overrides[number + 2] if number + 2 < len(overrides) else ""
    if after == "=":
        return f"{text} = {last}: write it without spaces: {text}={last}"
    if after.startswith("=") or (text.endswith("=") and text != "="):
        return f"{text} {after}: write it without spaces: {text}{after}"
    if (text.startswith("=") and before) or before.endswith("="):
        return f"{before} {text}: write it without spaces: {before}{text}"
    plain = unicodedata.normalize("NFKC", text)
    if plain != text and "=" in plain:
        return f"{text} has letters of full width; write {plain}"
    if text.lower() in ("help", "h", "?", "/?"):
        return f"{text} is not an override: did you mean --help?"
    key, colon, value = text.partition(":")
    if colon and (key in tree.groups or key in tree.keys):
        return f"{text} is not an override: write {key}={value}"
    if (text in tree.groups or text in tree.keys) and after and "=" not in after:
        return f"{text} {after} is not an override: write {text}={after}"
    if holders := [group for group, options in tree.groups.items() if text in options]:
        return f"{text} is not an override: did you mean {' or '.join(f'{group}={text}' for group in holders)}?"
    if text in tree.groups:
        return f"{text} is not an override: write {text}=…, one of {', '.join(tree.groups[text])}"
    if text in tree.keys:
        return f"{text} is not an override: write {text}=…"
    return f"{text} is not an override, which is key=value, such as optimizer=adam or optimizer.lr=0.1"


def _check_group(text: str, tree: ConfigTree) -> None:
    """Rejects a config group's option that is typed as a file or with a trailing comma."""
    group, _, value = text.lstrip("+").partition("=")
    if value.endswith(",") and not value.startswith(("'", '"', "[", "{")):
        raise UserError(f"{text} ends with a comma; write {text.rstrip(',')}")
    if group not in tree.groups:
        return
    if text.startswith("+") and group in TOP_LEVEL:
        raise UserError(f"{text}: {group} has an option already; write {group}={value}, without +")
    if not value:
        raise UserError(f"{text} names no option; choose from {', '.join(tree.groups[group])}")
    typed = value.strip("'\"{}() ").replace("\\", "/")
    option = Path(typed).stem if typed.endswith((".yaml", ".yml")) else Path(typed).name
    if tree.option(group, value) and not {".", "..", "/"} & set(value.split("/")[:1]):
        return
    if value not in (option, f"'{option}'", f'"{option}"') and option in tree.groups[group]:
        raise UserError(f"{text} is not an option; write its name alone: {group}={option}")


def _prepare(text: str, *, is_sweep: bool) -> str:
    """An override as Hydra must read it."""
    key, _, value = text.partition("=")
    if text.startswith("~"):
        return text
    if key.strip() != key:
        raise UserError(f"'{text}' begins with a space; write {text.strip()}")
    if quotes := [letter for letter in text if letter in TYPOGRAPHIC_QUOTES]:
        raise UserError(f"{text} has typographic quotes ({quotes[0]}); write {_without_quotes(text)}")
    if value.startswith("="):
        raise UserError(f"{text} has several equals signs; write {key}={value.lstrip('=')}")
    is_path = key.lstrip("+") in PATHS
    parsed = _parse(text)
    if is_path and value and value != "null" and not re.match(FUNCTIONS, value):
        return f"{key}={','.join(_path_values(value, is_sweep=is_sweep))}"
    if parsed is None and not re.search(r"""["'\[\]{}()$,=\\]""", value):
        return f"{key}={quote(value)}"  # a plain text with letters or spaces that the grammar lacks
    if parsed is None and value.startswith("${") and not re.search(r"""["'\\]""", value):
        return f"{key}={quote(value)}"  # it lacks interpolations in interpolations too
    if parsed is None:
        quoted = shlex.quote(f"{key}={quote(value)}")
        raise UserError(f"{text} cannot be read; quote the value, and all of it for the shell: {quoted}")
    return text


def _without_quotes(text: str) -> str:
    key, _, value = "".join(letter for letter in text if letter not in TYPOGRAPHIC_QUOTES).partition("=")
    return shlex.quote(f"{key}={quote(value)}")


def _path_values(value: str, *, is_sweep: bool) -> Iterator[str]:
    """A path, or those that are swept over, as Hydra's grammar wants them."""
    if value[0] in "'\"":
        read = _parse(f"key={value}")
        yield value if read is None or not isinstance(read.value(), str) else _path_value(value, str(read.value()))
        return
    for path in value.split(",") if is_sweep else [value]:
        yield _path_value(path, path)


def _path_value(typed: str, path: str) -> str:
    expanded = expand_home(path)
    read = _parse(f"key={typed}")  # a path like 1 or a,b would be read as something else
    is_as_typed = read is not None and not read.is_sweep_override() and read.value() == expanded
    return typed if is_as_typed else quote(expanded)


def _parse(text: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        return None


def _with_paths(flags: dict[str, str | bool]) -> dict[str, str | bool]:
    """Flags with `~` expanded, and `--config-path` taken from the current folder; Hydra takes it from a module's."""
    expanded = dict(flags)
    for name in {"config_dir", "config_path"} & flags.keys():
        expanded[name] = expand_home(str(flags[name]))
    path = str(expanded.get("config_path", ""))
    if path and "://" not in path:
        expanded["config_path"] = str(Path(path).absolute())
    return expanded


def as_command(arguments: Iterable[str]) -> str:
    """A command line that the user may type."""
    return f"{program()} {shlex.join(arguments)}"
