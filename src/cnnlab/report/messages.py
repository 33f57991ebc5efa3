"""The texts of reports in every language: `messages.yaml`, a message a key."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "ko")

Message = str | list[str]  # a list has the singular and the plural


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

        Args:
            key: A key of messages.yaml.
            **values: One for each placeholder. `n` decides between singular and plural.
        """
        message = read_messages()[key][self.language]
        if isinstance(message, list):
            message = message[0 if values.get("n") == 1 else 1]
        text = message.format(**{name: f"{value:,}" if type(value) is int else value for name, value in values.items()})
        return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", text)
