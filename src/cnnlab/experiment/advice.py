"""What to type instead of a value that its rule does not allow."""

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from cnnlab.program import as_typed

if TYPE_CHECKING:
    from cnnlab.experiment.schema import Rule

RANGE = re.compile(r"(\d+)\s*(?:-|~|\.\.|:)\s*(\d+)")  # as people write a range of integers
WITH_UNIT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([^\d\s]*)", re.IGNORECASE)
ACCURACIES = ("target", "report.targets")  # fractions, which some people think of in per cent
SWITCHES = {"none": None} | {
    **dict.fromkeys(("yes", "on", "y", "1", "enable", "enabled", "true"), True),
    **dict.fromkeys(("no", "off", "n", "0", "disable", "disabled", "false"), False),
}


def advice_on(config: DictConfig, key: str, value: Any, rule: "Rule") -> str:
    """What to type instead of a value that is nearly an allowed one: the end of a message, empty if nothing is near.

    Args:
        config: The config that has the value.
        key: Where.
        value: It breaks the rule.
        rule: What is allowed.
    """
    if type(value) is float and value.is_integer() and rule.holds(int(value)):
        return f": write {key}={int(value)}"
    if type(value) in (int, float) and rule.holds([value]):
        return f": write {key}=[{as_typed(value)}]"
    if isinstance(value, ListConfig | list) and value and all(rule.holds(item) for item in value):
        typed = f"{key}={','.join(map(as_typed, value))}"
        return f"; for a sweep: -m {typed}" if len(value) > 1 else f": write {typed}"
    if advice := percent_advice(key, value, rule):
        return advice
    switch = SWITCHES.get(as_typed(value).lower(), value)
    if switch is not value and rule.holds(switch):
        return f": write {key}={as_typed(switch)}"
    if not isinstance(value, str):
        return ""
    if value == "" and rule.holds(None):
        return f": write {key}=null"
    if value == "":
        return "; nothing follows the equals sign (an unset shell variable?)"
    plain = unicodedata.normalize("NFKC", value)  # ３ is 3
    if (number := _number_in(plain)) is not None and rule.holds(number):
        return _unquoted(config, key, value) if plain == value else f": write {key}={plain}"
    if (limits := RANGE.fullmatch(value)) and rule.holds(int(limits[1])) and rule.holds(int(limits[2])):
        return f"; for a sweep: -m '{key}=range({limits[1]},{int(limits[2]) + 1})'"
    if (found := WITH_UNIT.fullmatch(plain)) is not None:
        part = f"{float(found[1]) / 100:g}" if found[2] == "%" else found[1]
        return f": write {key}={part}" if rule.holds(_number_in(part)) else ""
    words = [word for word in re.split(r" or |, ", rule.allowed) if rule.holds(word)]
    near = difflib.get_close_matches(value.lower(), words, n=1) or [word for word in words if value.startswith(word)]
    return f"; did you mean {key}={near[0]}?" if near else ""


def percent_advice(key: str, value: Any, rule: "Rule") -> str:
    """The end of a message about an accuracy in per cent that has to be a fraction; empty for anything else.

    Args:
        key: Whose value it is.
        value: A number, or several; it breaks the rule.
        rule: What is allowed.
    """
    numbers = list(value) if isinstance(value, ListConfig | list) else [value]
    are_percents = all(type(each) in (int, float) and 1 < each <= 100 for each in numbers)
    if key not in ACCURACIES or not numbers or not are_percents:
        return ""
    fractions = [each / 100 for each in numbers]
    is_right = rule.holds(fractions) or rule.holds(fractions[0])
    return f" (fractions: {fractions[0]:g}, not {numbers[0]:g})" if is_right else ""


def _number_in(text: str) -> int | float | None:
    """A text as a number; None if it is no number."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _unquoted(config: DictConfig, key: str, value: str) -> str:
    """What to type for a text that is allowed as a number."""
    room, _, name = key.rpartition(".")
    parent = OmegaConf.select(config, room) if room else config
    typed = str(OmegaConf.to_container(parent, resolve=False)[name])  # type: ignore[index, call-overload]
    if "${oc.env:" in typed:
        decoded = f"{key}=${{oc.decode:{typed}}}"
        return f", but an environment variable is a text: write '{decoded}'"
    return f", but in quotes it is a text: write {key}={value}"
