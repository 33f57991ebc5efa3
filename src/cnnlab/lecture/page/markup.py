"""The little markup of the lecture's texts: `code`, $latex$; everything else is text."""

import re

from markupsafe import Markup, escape

from cnnlab.lecture.page.mathematics import mathml

CODE_OR_MATHEMATICS = re.compile(r"`([^`]+)`|\$([^$]+)\$")


def marked_up(text: str) -> Markup:
    """A text as HTML.

    Args:
        text: With code between backticks and LaTeX between dollar signs.

    Example:
        >>> marked_up("`a<b` & c")
        Markup('<code>a&lt;b</code> &amp; c')
    """
    parts, end = [], 0
    for match in CODE_OR_MATHEMATICS.finditer(text):
        code, latex = match.groups()
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup("<code>{}</code>").format(code) if code else mathml(latex))
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])
