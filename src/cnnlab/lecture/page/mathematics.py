"""LaTeX to MathML, which browsers draw and screen readers read."""

import functools

from latex2mathml.converter import convert
from markupsafe import Markup


@functools.cache
def mathml(latex: str, is_block: bool = False) -> Markup:
    r"""A formula as a `<math>` element, with its LaTeX as its alternative text.

    Args:
        latex: Such as `\frac{a}{b}`.
        is_block: A line of its own, not a part of a sentence.

    Raises:
        ValueError: If it is no LaTeX.
    """
    try:
        element = convert(latex, display="block" if is_block else "inline")
    except Exception as error:  # the converter's errors have no common class
        raise ValueError(f"{latex!r} is no LaTeX: {error!r}") from error
    return Markup(element.replace("<math ", Markup('<math alttext="{}" ').format(latex), 1))
