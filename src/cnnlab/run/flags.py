"""Hydra's flags in a command line, apart from the overrides."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONFIG_FLAGS = ("config_path", "config_name", "config_dir")  # which config is composed, and from where
INFORMATION = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise argparse.ArgumentError(None, message)


def _parser() -> _Parser:
    """Accepts Hydra's flags, in the forms that Hydra accepts: abbreviated, with `=` or a space, before or after."""
    parser = _Parser(add_help=False)
    for short, long in (("-cp", "--config-path"), ("-cn", "--config-name"), ("-cd", "--config-dir")):
        parser.add_argument(short, long)
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("-p", "--package")
    parser.add_argument("-i", "--info", const="all", nargs="?", choices=INFORMATION)
    parser.add_argument("--experimental-rerun")
    for short, long in (("-h", "--help"), ("-r", "--run"), ("-m", "--multirun"), ("-sc", "--shell-completion")):
        parser.add_argument(short, long, action="store_true")
    for long in ("--hydra-help", "--version", "--resolve"):
        parser.add_argument(long, action="store_true")
    parser.add_argument("overrides", nargs="*")
    return parser


@dataclass
class CommandLine:
    """A command line: Hydra's flags by name, such as `config_dir`, and the overrides.

    Attributes:
        flags: Those that were typed; True for one without a value.
        overrides: In their order.
    """

    flags: dict[str, str | bool]
    overrides: list[str]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "CommandLine | None":
        """From the arguments after the program's name; None if they are no valid command line."""
        try:
            typed = vars(_parser().parse_intermixed_args(list(arguments)))
        except argparse.ArgumentError:
            return None
        overrides = typed.pop("overrides")
        return cls({name: value for name, value in typed.items() if value not in (None, False)}, overrides)

    def arguments(self) -> list[str]:
        """The flags, then the overrides: Hydra takes overrides in one piece only."""
        words: list[str] = []
        for name, value in self.flags.items():
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return [*words, *self.overrides]

    def config_flags(self) -> list[str]:
        """The flags that select the config."""
        return CommandLine({name: self.flags[name] for name in CONFIG_FLAGS if name in self.flags}, []).arguments()


def with_absolute_config_path(arguments: list[str]) -> list[str]:
    """A command line whose relative `--config-path` is taken from the current folder; Hydra takes it from a module's.

    Args:
        arguments: The command line after the program's name.
    """
    line = CommandLine.parse(arguments)
    path = "" if line is None else str(line.flags.get("config_path", ""))
    if line is None or not path or "://" in path:
        return arguments
    return CommandLine(
        {**line.flags, "config_path": str(Path(path).expanduser().absolute())}, line.overrides
    ).arguments()
