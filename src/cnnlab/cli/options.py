"""The options of config groups on the command line: null, lists, files and other things that choose none."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep

from cnnlab.cli.config_tree import HYDRA_GROUPS, ConfigTree
from cnnlab.cli.grammar import parse
from cnnlab.cli.suggestions import nearest
from cnnlab.errors import UserError
from cnnlab.experiment.check import GROUPS, PACKAGELESS, TOP_LEVEL
from cnnlab.program import as_typed

ONE = {*GROUPS, *HYDRA_GROUPS} - {"trainer", "callbacks", "logger"}  # several options of these would be mixed
NO_OPTION = ("none", "null", "nothing", "no", "off", "false", "~", "0")  # as people type it
PLAINEST = {  # the option that does nothing, where it is not called none
    "activation": "identity", "callbacks": "light", "init": "torch_default", "scheduler": "constant",
}  # fmt: skip
ALL_OPTIONS = ("*", "all")


def check_option(text: str, tree: ConfigTree) -> None:
    """Rejects an override of a config group that chooses no option, or several of which a run has one.

    Args:
        text: As typed.
        tree: The config groups. An option that it lacks may be in a search path that Hydra knows.

    Raises:
        UserError: With what to type.
    """
    group, _, value = text.lstrip("+~").partition("=")
    if value.endswith(",") and not value.startswith(("'", '"', "[", "{")):
        raise UserError(f"{text} ends with a comma; write {text.rstrip(',')}")
    options = tree.all_groups.get(group)
    if options is None:
        return
    if text.startswith("~"):
        if group in (*GROUPS, *HYDRA_GROUPS):
            hint = hint_for_none(group, options) or f"choose one of its options: {', '.join(options)}"
            raise UserError(f"{text} removes {group}, which every run needs; {hint}")
        return
    if text.startswith("+") and group in TOP_LEVEL:
        raise UserError(f"{text}: {group} has an option already; write {group}={value}, without +")
    if not value:
        raise UserError(f"{text} names no option; choose from {', '.join(options)}")
    _check_file(text, group, value, tree)
    for chosen in _chosen(text):
        _check_chosen(text, group, chosen, options)


def hint_for_option(group: str, option: str, options: Sequence[str]) -> str:
    """What may have been meant by an option that does not exist; empty if nothing comes to mind.

    Args:
        group: The config group.
        option: As typed.
        options: Those that exist.
    """
    if option in ALL_OPTIONS:
        return f"for all of them: -m '{group}=glob(*)'"
    if option.lower() in NO_OPTION and (hint := hint_for_none(group, options)):
        return hint
    near = nearest(option, options)
    return f"did you mean {near[0]}?" if near else ""


def hint_for_none(group: str, options: Sequence[str]) -> str:
    """How to choose none of a group's options; empty if it has no such option."""
    if group in PACKAGELESS:
        return f"for none, leave {group} out"
    plainest = "none" if "none" in options else PLAINEST.get(group)
    return f"for none: {group}={plainest}" if plainest in options else ""


def _check_file(text: str, group: str, value: str, tree: ConfigTree) -> None:
    """Rejects an option that is typed as a file or in quotes and brackets."""
    options = tree.all_groups[group]
    if len(several := re.split(r"[\s|/;&+]+(?:(?:and|or)\s+)?", value)) > 1 and set(several) <= set(options):
        raise UserError(f"{text} names several options; for a sweep: -m {group}={','.join(several)}")
    typed = value.strip("'\"{}() ").replace("\\", "/")
    option = Path(typed).stem if typed.endswith((".yaml", ".yml")) else Path(typed).name
    if tree.option(group, value) and not {".", "..", "/"} & set(value.split("/")[:1]):
        return
    if value not in (option, f"'{option}'", f'"{option}"') and option in options:
        raise UserError(f"{text} is not an option; write its name alone: {group}={option}")


def _chosen(text: str) -> Iterator[Any]:
    """The values of an override, several if it sweeps over them; none if Hydra cannot read it."""
    parsed = parse(text)
    if parsed is not None:
        value = parsed.value()
        yield from value.list if isinstance(value, ChoiceSweep) else [value]


def _check_chosen(text: str, group: str, chosen: Any, options: Sequence[str]) -> None:
    choose = f"choose from {', '.join(options)}"
    if isinstance(chosen, list) and len(chosen) > 1 and group in ONE:
        hint = f"for a sweep: -m {group}={','.join(map(as_typed, chosen))}" if group in GROUPS else choose
        raise UserError(f"{text} chooses several options, but a run has one; {hint}")
    if chosen == [] and group not in ("logger", *PACKAGELESS):
        raise UserError(f"{text} names no option; {hint_for_none(group, options) or choose}")
    for option in chosen if isinstance(chosen, list) else ():
        if str(option).lower() in NO_OPTION and option not in options:
            hint = hint_for_none(group, options)
            raise UserError(f"{text}: {as_typed(option)} is not an option; {choose}{hint and f'; {hint}'}")
    if chosen is None or isinstance(chosen, bool | int | float | dict):
        hint = hint_for_option(group, as_typed(chosen), options)
        raise UserError(f"{text}: {as_typed(chosen)} is not an option; {choose}{hint and f'; {hint}'}")
