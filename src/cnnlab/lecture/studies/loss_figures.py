"""What the section shows."""

from typing import Any

from cnnlab.lecture.study import Shown
from cnnlab.lecture.texts import Words


def show(data: dict[str, Any], words: Words) -> Shown:
    """Nothing yet.

    Args:
        data: As `measure` stored it.
        words: Of a language.
    """
    return Shown()
