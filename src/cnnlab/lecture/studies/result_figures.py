"""What the section on the lecture's result shows."""

from typing import Any

from cnnlab.lecture.study import Shown
from cnnlab.lecture.texts import Words


def show(data: dict[str, Any], words: Words) -> Shown:
    """Nothing yet."""
    return Shown()
