"""The texts of reports in every language: `messages.yaml`, one message per key."""

import re
import string
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "ko")

Message = str | list[str]  # a list has the singular and the plural, by `n`


class Plurals(string.Formatter):
    """`str.format`, and `{n:run|runs}`: one of two words, the first for 1."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """A value as its placeholder wants it.

        Args:
            value: Of the placeholder; whole numbers get separators of thousands.
            format_spec: What stands after its colon.
        """
        one, mark, many = format_spec.partition("|")
        if mark:
            return one if value == 1 else many
        return str(super().format_field(f"{value:,}" if type(value) is int else value, format_spec))


@cache
def read_messages() -> dict[str, dict[str, Message]]:
    """All messages: by key, then by language."""
    messages: dict[str, dict[str, Message]] = yaml.safe_load(
        Path(__file__).with_name("messages.yaml").read_text(encoding="utf-8")
    )
    return messages


class Texts:
    """The messages in one language, called with a key and the values of its placeholders.

    Attributes:
        language: One of `LANGUAGES`.

    Example:
        >>> Texts("en")("runs", n=1)
        '1 run'
        >>> Texts("ko")("runs", n=1)
        '실행 1개'
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is none of {', '.join(LANGUAGES)}")
        self.language = language

    def __call__(self, key: str, /, **values: Any) -> str:
        """The message with its values; numbers get separators of thousands, a per cent sign stays with its number.

        Korean has no space before the sign.

        Args:
            key: A key of messages.yaml.
            **values: One for each placeholder. `n` decides between the singular and the plural of a list, and any
                number between two words: `{total:row|rows}`.
        """
        message = read_messages()[key][self.language]
        if isinstance(message, list):
            message = message[0 if values.get("n") == 1 else 1]
        text = Plurals().format(message, **values)
        return re.sub(r"(?<=\d) %", "%" if self.language == "ko" else "\N{NO-BREAK SPACE}%", text)
