"""LaTeX to MathML, which browsers draw and screen readers read."""

import functools
import re
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

NO_ENTITY, NO_TAG = re.compile(r"&(?!#x[0-9A-F]+;)"), re.compile(r"<(?!/?m[a-z]+[ />])")
# signs that the converter takes for names, which have no space around them
SIGN = re.compile("<mi>(" + "|".join(f"&#x{ord(sign):05X};" for sign in "±~⌊⌋") + ")</mi>")
NUM_PARTS = {"mfrac": 2, "msup": 2, "msub": 2, "mroot": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


@functools.cache
def mathml(latex: str, is_block: bool = False) -> Markup:
    r"""A formula as a `<math>` element, with its LaTeX as its alternative text.

    Args:
        latex: Such as `\frac{a}{b}`.
        is_block: A line of its own, not a part of a sentence.

    Raises:
        ValueError: If it is no LaTeX, or has a command that is unknown.
    """
    try:
        element = convert(latex, display="block" if is_block else "inline")
        element = NO_TAG.sub("&lt;", NO_ENTITY.sub("&amp;", element))  # the converter leaves \text as it is
        element = SIGN.sub(r"<mo>\1</mo>", element)
        _check(ElementTree.fromstring(element))
    except Exception as error:  # the converter's errors have no common class
        raise ValueError(f"{latex!r} is no LaTeX: {error!r}") from error
    return Markup(element.replace("<math ", Markup('<math alttext="{}" ').format(latex), 1))


def _check(root: ElementTree.Element) -> None:
    """Finds what the converter takes without complaint, and a browser shows as nonsense."""
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if len(element) != NUM_PARTS.get(name, len(element)):
            raise ValueError(f"{name} has {len(element)} parts; it must have {NUM_PARTS[name]}")
        if name == "mi" and (element.text or "").startswith("\\"):
            raise ValueError(f"{element.text} is unknown")
