"""The page: report.json's content to one HTML file that needs nothing else."""

import base64
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Cleaned, cleaned
from cnnlab.report.page.figures import draw_figures
from cnnlab.report.page.sections import sections_of
from cnnlab.report.page.summary import summary_of

TEMPLATES = Path(__file__).with_name("templates")


def render(content: dict[str, Any], figures: dict[str, Figure] | None = None) -> str:
    """Draws the page: everything on it comes from the content, and its texts are in the content's language.

    Args:
        content: report.json's, of schema 1.
        figures: What `draw_figures` made of the content, if they are drawn already.

    Returns:
        HTML with its style, script, figures and the content itself inside; it asks for no other file.
    """
    content = Cleaned(cleaned(content))
    texts = Texts(content["language"])
    script = _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template("page.html.j2").render(
        content=content,
        texts=texts,
        summary=summary_of(content, texts),
        sections=sections_of(content, texts, draw_figures(content) if figures is None else figures),
        style=Markup(_read("page.css")),
        created=content["created"].replace("T", " ").replace("+00:00", " UTC"),
        script=Markup(script),
        script_digest=digest,
        embedded=embedded(content),
    )  # fmt: skip


def embedded(content: dict[str, Any]) -> Markup:
    """The content as JSON that can stand in a `<script>`: no character of it has a meaning for HTML or JavaScript.

    Args:
        content: Of json's types.
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def plain(value: Any) -> str:
    """A value as it is typed: `5`, not `5.0`.

    Args:
        value: Of json's types.
    """
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cnnlab.report.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["plain"] = plain
    return environment


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
