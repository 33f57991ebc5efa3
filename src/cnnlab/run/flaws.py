"""What may be wrong with a result.json that somebody else has written, or edited."""

import math
from collections.abc import Mapping
from typing import Any

MAPPINGS = ("choices", "params", "metrics", "seconds", "data")  # the keys that are read, with `overrides`
NUMBERS = ("metrics", "seconds")  # whose values are numbers, or null


def find_flaw(result: Mapping[str, Any]) -> str | None:
    """Why the content of a result.json is not what a run writes, in words; None if it is.

    Args:
        result: Its content, a mapping with a known `status`.
    """
    for key in (*MAPPINGS, "overrides"):
        kind, name = (list, "a list") if key == "overrides" else (dict, "a mapping")
        if key not in result:
            return f"no {key}"
        if not isinstance(result[key], kind):
            return f"{key} is not {name}"
    for key in NUMBERS:
        for name, value in result[key].items():
            if value is not None and not _is_finite(value):
                return f"{key}.{name} is not a number"
    return None


def _is_finite(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # JSON's integers have no limit
        return False
