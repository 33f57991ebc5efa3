"""What is read from report.json's content by the page and its figures."""

import math
import unicodedata
from collections.abc import Iterable
from typing import Any

Content = dict[str, Any]


class Cleaned(Content):
    """A content that has been through `cleaned` once."""


# marks of text direction, which would turn around what follows them, and what XML excludes
HIDDEN = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF}


def cleaned(value: Any) -> Any:
    """The same value without what neither HTML nor SVG can hold: names and values in a sweep may be anything.

    Control characters, halves of surrogate pairs and marks of text direction become �, numbers that are not finite
    None.

    Args:
        value: Of json's types.
    """
    if isinstance(value, Cleaned):
        return value
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else "".join(map(_visible, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {cleaned(name): cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item) for item in value]
    return value


def _visible(character: str) -> str:
    if character in "\n\t":
        return " "
    hidden = unicodedata.category(character) in ("Cc", "Cs") or ord(character) in HIDDEN
    return "�" if hidden else character


def split_shown(content: Content) -> str | None:
    """The split whose accuracies the verdicts are about: the test images if they were classified, else validation."""
    for split in ("test", "val"):
        if any(configuration[split] for configuration in content["configurations"]):
            return split
    return None


def short_names(content: Content, width: int = 28) -> dict[int, str]:
    """The configurations' names, each short enough for a figure and different from the others: by id.

    Args:
        content: report.json's.
        width: In characters; those of East Asian scripts count twice.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for configuration in content["configurations"]:
        name = shortened(configuration["name"], width) or "–"
        if name in taken:
            number = f" #{configuration['id'] + 1}"
            name = shortened(configuration["name"], width - len(number)) + number
        names[configuration["id"]] = name
        taken.add(name)
    return names


def shortened(text: str, width: int) -> str:
    """A text's beginning and end, if it is wider than `width`.

    Args:
        text: Any.
        width: In characters; those of East Asian scripts count twice.
    """
    text = " ".join(text.split())
    if display_width(text) <= width:
        return text
    head = _fitting(text, (width - 1) * 2 // 3)
    return head + "…" + _fitting(text[::-1], width - 1 - display_width(head))[::-1]


def display_width(text: str) -> int:
    """How many columns a text takes.

    Args:
        text: Any; characters of East Asian scripts take two columns.
    """
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)


def _fitting(characters: Iterable[str], width: int) -> str:
    kept = ""
    for character in characters:
        if display_width(kept + character) > width:
            break
        kept += character
    return kept


def median_with_misses(values: list[float | None]) -> float | None:
    """The median time to a target, where a run that never reached it counts as infinite: None if that is the median.

    Args:
        values: A time for each run, None for a miss.
    """
    ordered = sorted(math.inf if value is None else value for value in values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return median if math.isfinite(median) else None
