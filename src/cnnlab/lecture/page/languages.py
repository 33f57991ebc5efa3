"""What is on the page in every language: pairs of texts."""

import functools
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import yaml
from markupsafe import Markup, escape

from cnnlab.lecture.page.markup import marked_up
from cnnlab.report.messages import LANGUAGES, Plurals

T = TypeVar("T")


class Pair(NamedTuple, Generic[T]):
    """The same in both languages."""

    en: T
    ko: T


def pair_of(texts: Pair[Any], *keys: str | int) -> Pair[Markup]:
    """A text of a structure in both languages, its markup applied.

    Args:
        texts: Structures of texts.
        *keys: Where it is, from the outside in.
    """
    return Pair(*(marked_up(str(functools.reduce(lambda value, key: value[key], keys, own))) for own in texts))


def message(key: str, /, **values: Any) -> Pair[Markup]:
    """One of the page's own texts.

    Args:
        key: Of page.yaml.
        **values: One for each placeholder; of a `Pair` each language gets its own.
    """

    def text_in(language: str) -> Markup:
        own = {name: getattr(value, language) if isinstance(value, Pair) else value for name, value in values.items()}
        own = {name: escape(value) if isinstance(value, str) else value for name, value in own.items()}
        return Markup(Plurals().format(marked_up(_messages()[key][language]), **own))

    return Pair(*map(text_in, LANGUAGES))


def merged(en: Any, ko: Any) -> Any:
    """One structure of two: where they differ stands `{"en": …, "ko": …}`, as in the lecture's texts.

    Args:
        en: Of json's types.
        ko: Of json's types.
    """
    if en == ko:
        return en
    if isinstance(en, dict) and isinstance(ko, dict) and en.keys() == ko.keys():
        return {key: merged(en[key], ko[key]) for key in en}
    if isinstance(en, list) and isinstance(ko, list) and len(en) == len(ko):
        return [merged(*each) for each in zip(en, ko, strict=True)]
    return {"en": en, "ko": ko}


def script_texts() -> dict[str, dict[str, str]]:
    """What the page's scripts say: by key, then by language."""
    return {key.removeprefix("script."): texts for key, texts in _messages().items() if key.startswith("script.")}


@functools.cache
def _messages() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("page.yaml").read_text(encoding="utf-8"))
    return found
