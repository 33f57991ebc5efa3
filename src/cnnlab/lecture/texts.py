"""The lecture's words: of each study one YAML file, every text in every language."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cnnlab.report.messages import LANGUAGES

FOLDER = Path(__file__).with_name("texts")


@cache
def read_texts(study: str) -> dict[str, Any]:
    """A study's texts, as its file has them: title, intro, formulas, claims, conditions, figures, exercises and words.

    Args:
        study: Its name.
    """
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{study}.yaml").read_text(encoding="utf-8"))
    return found


class Words:
    """A study's texts in one language.

    Args:
        study: Its name.
        language: One of `LANGUAGES`.
    """

    def __init__(self, study: str, language: str) -> None:
        assert language in LANGUAGES
        self.language = language
        self.texts: dict[str, Any] = in_language(read_texts(study), language)

    def __call__(self, key: str, **values: Any) -> str:
        """A word or sentence of the file's `words`, its placeholders filled.

        Args:
            key: Under `words`.
            **values: Of the placeholders.
        """
        return str(self.texts["words"][key]).format(**values)

    def condition(self, name: str) -> str:
        """What a condition is called.

        Args:
            name: Of a claim's `conditions`.
        """
        return str(self.texts["conditions"][name])


def in_language(value: Any, language: str) -> Any:
    """The same structure with each `{en: …, ko: …}` replaced by the text in one language.

    Args:
        value: From YAML.
        language: One of `LANGUAGES`.
    """
    if isinstance(value, dict):
        if value.keys() == set(LANGUAGES):
            return value[language]
        return {name: in_language(item, language) for name, item in value.items()}
    if isinstance(value, list):
        return [in_language(item, language) for item in value]
    return value
