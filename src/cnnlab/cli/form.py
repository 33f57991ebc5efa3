"""The form of a command line: flags that exist, in their place, and overrides that are `key=value`."""

import re
import unicodedata
from itertools import zip_longest
from pathlib import PurePosixPath

from cnnlab.cli.config_tree import ConfigTree
from cnnlab.cli.grammar import parse, shell_quoted
from cnnlab.cli.options import check_option
from cnnlab.cli.suggestions import SYNONYMS, nearest, suggest_key
from cnnlab.errors import UserError
from cnnlab.program import as_command
from cnnlab.run.flags import FLAGS, CommandLine
from cnnlab.run.resume import quote

NEEDED = ("optimizer.lr", "optimizer.weight_decay")  # and all that are in no group
DASHES = "‐‑‒–—―−"  # of word processors
TYPOGRAPHIC_QUOTES = "“”„«»‘’‚"
HELP = ("help", "h", "?", "/?")


def check_flags(arguments: list[str], line: CommandLine, tree: ConfigTree) -> None:
    """Rejects flags that do not exist.

    Args:
        arguments: As typed.
        line: The same, read.
        tree: The config groups.

    Raises:
        UserError: With what to type.
    """
    for text, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        name = text.lstrip(f"{DASHES}-")
        typed = f"{'--' if len(name) > 2 else '-'}{name}"
        if text[:1] in tuple(DASHES) and typed.partition("=")[0] in FLAGS:
            raise UserError(f"{text} begins with a dash; type a hyphen: {typed}")
        if text[:1] in tuple(DASHES) or text in line.unknown:
            raise UserError(_explain_flag(text, name, following, tree))


def check_form(arguments: list[str], line: CommandLine, tree: ConfigTree) -> None:
    """Rejects flags that come too late, and overrides that are not `key=value` or choose no option.

    Args:
        arguments: As typed.
        line: The same, read.
        tree: The config groups.

    Raises:
        UserError: With what to type.
    """
    overrides = line.overrides
    if not line.is_in_order:
        moved = [text for text in arguments if text not in overrides]
        flag = next(text for text in moved if text.startswith("-"))
        raise UserError(f"put {flag} first: {as_command([*moved, *overrides])}")
    for number, text in enumerate(overrides):
        is_cut = text.endswith("=") and "=" not in "".join(overrides[number + 1 : number + 2] or "=")
        if ("=" not in text and text[:1] != "~") or text.startswith("=") or is_cut:
            raise UserError(_explain_word(number, overrides, tree))
        _check_spelling(text, overrides[number + 1 : number + 2], tree)
        check_option(text, tree)
        if text.startswith("~") and text[1:].partition("=")[0] in (*tree.common, *NEEDED):
            raise UserError(
                f"{text} removes a value that every run needs; set it instead: {text[1:].partition('=')[0]}=…"
            )


def _check_spelling(text: str, following: list[str], tree: ConfigTree) -> None:
    """Rejects spaces, quotes, commas and other letters where an override cannot have them."""
    key, _, value = text.partition("=")
    if quotes := [letter for letter in text if letter in TYPOGRAPHIC_QUOTES]:
        plain = "".join(letter for letter in text if letter not in TYPOGRAPHIC_QUOTES).partition("=")
        raise UserError(
            f"{text} has typographic quotes ({quotes[0]}); write {shell_quoted(f'{plain[0]}={quote(plain[2])}')}"
        )
    if parse(text) is None and (second := re.search(r"\s((?:-\S+|[+~]*[A-Za-z_][\w./]*=).*)$", value)):
        raise UserError(
            f"'{text}' is one argument; write it without these quotes: {text[: -len(second[0])]} {second[1]}"
        )
    if key.strip() != key or value.lstrip() != value:
        raise UserError(f"'{text}' has a stray space; write {key.strip()}={value.strip()}")
    if value.startswith("="):
        raise UserError(f"{text} has several equals signs; write {key}={value.lstrip('=')}")
    if parse(f"{key}=1") is None and not text.startswith("~"):
        plain_key = re.sub(r"""[\["'.\]:+\s]+""", ".", key).strip(".")
        known = plain_key in tree.keys or plain_key in tree.groups
        hint = f"write {plain_key}={value}" if known else suggest_key(tree, plain_key, value, {})
        raise UserError(f"{key} is not a key: a key has plain letters, and dots between names; {hint}")
    next_word = (following or [""])[0]
    if (value.endswith(",") or next_word.startswith(",")) and next_word and "=" not in next_word:
        raise UserError(f"{text} {next_word}: write it without spaces: {text}{next_word}")
    if re.fullmatch(r"\(.*\)|\{[^:]*\}", value) and "," in value and key in tree.keys:
        raise UserError(
            f"{text}: write the values of a sweep without brackets: -m {key}={value[1:-1].replace(' ', '')}"
        )


def _explain_flag(text: str, typed: str, following: str, tree: ConfigTree) -> str:
    """What to type instead of a flag that does not exist.

    Args:
        text: As typed.
        typed: The same without hyphens.
        following: The next word.
        tree: The config groups.
    """
    name, _, value = typed.partition("=")
    if not value and following and "=" not in following and not following.startswith("-"):
        value = following
    flags = [flag for flag in FLAGS if flag.startswith("--") and flag != "--experimental-rerun"]  # which is refused
    flag = text.partition("=")[0]
    if flag.lower() in FLAGS:
        return f"{text} is not a flag; did you mean {flag.lower()}?"
    if name not in tree.groups and name not in tree.keys:
        begun = [each for each in flags if text.startswith("--") and len(name) > 1 and each.startswith(flag)]
        if meant := begun or nearest(flag, flags)[:1]:
            return f"{text} is not a flag; did you mean {' or '.join(meant)}?"
    if name in tree.groups and not value:
        hint = f"{name}=…, one of {', '.join(tree.groups[name])}"
    elif name in tree.groups or name in tree.keys:
        hint = f"{name}={value or '…'}"
    else:
        hint = suggest_key(tree, name, value or "…", {})
    if not hint.startswith(("did you mean", "--")):
        hint = f"write {hint}"
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
        return f"{text} has full-width letters; write {plain}"
    if text.lower() in HELP:
        return f"{text} is not an override: did you mean --help?"
    key, colon, value = text.partition(":")
    if colon and (key in tree.groups or key in tree.keys):
        return f"{text} is not an override: write {key}={value}"
    if (text in tree.groups or text in tree.keys) and after and "=" not in after:
        return f"{text} {after} is not an override: write {text}={after}"
    path = PurePosixPath(text)
    group, option = path.parent.name, path.stem if path.suffix in (".yaml", ".yml") else path.name
    if option in tree.groups.get(group, []):
        return f"{text} is not an override: did you mean {group}={option}?"
    if holders := [group for group, options in tree.groups.items() if option in options]:
        return f"{text} is not an override: did you mean {' or '.join(f'{group}={option}' for group in holders)}?"
    if text in tree.groups:
        return f"{text} is not an override: write {text}=…, one of {', '.join(tree.groups[text])}"
    if text in tree.keys:
        return f"{text} is not an override: write {text}=…"
    if before and "=" in before and _is_value(text):
        return (
            f"{before} {text}: separate the values of a sweep by commas, without spaces: -m {before},{text.strip(',')}"
        )
    if text.lower() in SYNONYMS or any(each.endswith(f".{text.lower()}") for each in tree.keys):
        meant = suggest_key(tree, text, after if after and "=" not in after else "…", {})
        return f"{text} is not an override, which is key=value: {meant}"
    return f"{text} is not an override, which is key=value, such as optimizer=adam or optimizer.lr=0.1"


def _is_value(text: str) -> bool:
    """Whether a word can only be a value: a number, or the rest of a list."""
    return re.fullmatch(r",?[\d.+-][\w.+-]*,?", text) is not None
