"""The command line: Hydra's flags, apart from the overrides."""

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from cnnlab.errors import UserError
from cnnlab.program import program

# what Hydra's parser takes; it has no public name
SWITCHES = (
    *(("--help", "-h"), ("--hydra-help",), ("--version",), ("--resolve",), ("--run", "-r"), ("--multirun", "-m")),
    ("--shell-completion", "-sc"),
)
OPTIONS = (
    *(("--cfg", "-c"), ("--info", "-i"), ("--package", "-p"), ("--experimental-rerun",)),
    *(("--config-path", "-cp"), ("--config-name", "-cn"), ("--config-dir", "-cd")),
)
CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
ALONE = {"--info": "all"}  # the value of an option that needs none
FLAGS = tuple(name for names in (*SWITCHES, *OPTIONS) for name in names)
CONFIG_FLAGS = ("config_path", "config_name", "config_dir")  # which config is composed, and from where


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if unread := re.fullmatch(r"argument (--\S+)/(-\w+): ignored explicit argument '(.*)'", message):
            flag, short, value = unread.groups()
            raise UserError(f"{flag} takes no value; write {flag}, or {short} {value}: {short} and a space")
        if alone := re.fullmatch(r"argument (--\S+)/-\w+: expected one argument", message):
            allowed = f"one of {', '.join(CHOICES[alone[1]])}" if alone[1] in CHOICES else "a value"
            raise UserError(f"{alone[1]} needs {allowed}; see {program()} --hydra-help")
        raise UserError(f"{message}; see {program()} --hydra-help")


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)  # else --experiment is --experimental-rerun
    for names in SWITCHES:
        parser.add_argument(*names, action="store_true")
    for names in OPTIONS:
        alone = ALONE.get(names[0])
        parser.add_argument(*names, choices=CHOICES.get(names[0]), nargs="?" if alone else None, const=alone)
    parser.add_argument("overrides", nargs="*")
    return parser


@dataclass(frozen=True)
class CommandLine:
    """A command line: Hydra's flags by name, such as `config_dir`, and the overrides.

    Attributes:
        flags: Those that were typed; True for one without a value.
        overrides: In their order.
        unknown: Words that begin as flags do, and are none.
        is_in_order: Whether Hydra would read it: not with flags between the overrides.
    """

    flags: dict[str, str | bool]
    overrides: list[str]
    unknown: list[str] = field(default_factory=list)
    is_in_order: bool = field(default=True, compare=False)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "CommandLine":
        """Reads a command line as Hydra does, but without abbreviations: flags with `=` or a space, anywhere.

        Args:
            arguments: The words after the program's name.

        Raises:
            UserError: If a flag lacks its value, or has a wrong one.
        """
        known, others = _parser().parse_known_args(arguments)
        typed = vars(known)
        unknown = [text for text in others if text.startswith("-")]
        late = [text for text in others if text not in unknown]
        overrides = [*typed.pop("overrides"), *late]
        flags = {name: value for name, value in typed.items() if value not in (None, False)}
        return cls(flags, overrides, unknown, is_in_order=not late)

    def arguments(self) -> list[str]:
        """The flags, then the overrides: Hydra takes overrides in one piece only."""
        return [*self._words(self.flags), *self.overrides]

    def config_flags(self) -> list[str]:
        """The flags that select the config."""
        return self._words([name for name in CONFIG_FLAGS if name in self.flags])

    def _words(self, names: Iterable[str]) -> list[str]:
        flags = [(f"--{name.replace('_', '-')}", self.flags[name]) for name in names]
        return [flag if value is True else f"{flag}={value}" for flag, value in flags]
