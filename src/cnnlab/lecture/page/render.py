"""The lecture's content to one HTML file with both languages, its styles and its scripts inside."""

import base64
import functools
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.page.claims import chip
from cnnlab.lecture.page.languages import Pair, message, script_texts
from cnnlab.lecture.page.sections import date, duration, section_view
from cnnlab.lecture.page.widgets import embedded

FOLDER = Path(__file__).parent


def render(content: dict[str, Any]) -> str:
    """Draws the page.

    Args:
        content: As `cnnlab.lecture.content.build` makes it; also `network` (of json's types, for the live network),
            `budget` (a name), `seconds` (of all measurements) and `created` (a time of ISO 8601), each if there is one.

    Returns:
        HTML that asks for no other file.
    """
    scripts = [Markup(text) for text in _read_all("scripts", "*.js")]
    sections = [section_view(section) for section in content["sections"]]
    network = content.get("network")
    return _environment().get_template("page.html.j2").render(
        sections=sections,
        chips=_counted(sections),
        network=None if network is None else embedded(network),
        made=_made(content),
        texts=embedded(script_texts()),
        styles=[Markup(text) for text in _read_all("styles", "*.css")],
        scripts=scripts,
        digests=[_digest(script) for script in scripts],
    )  # fmt: skip


def _counted(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chip for each verdict that occurs, with how many claims have it."""
    counts = Counter(claim["chip"]["name"] for section in sections for claim in section["claims"])
    chips = [chip(verdict) for verdict in (*Verdict, None)]
    return [each | {"num": counts[each["name"]]} for each in chips if counts[each["name"]]]


def _made(content: dict[str, Any]) -> Pair[Markup]:
    created, budget, seconds = (content.get(key) for key in ("created", "budget", "seconds"))
    nothing = Pair(Markup(), Markup())
    return message(
        "made",
        created=message("made.created", created=date(created)) if created else nothing,
        budget=message("made.budget", budget=budget) if budget else nothing,
        seconds=message("made.seconds", seconds=duration(seconds)) if seconds else nothing,
    )


def _digest(script: str) -> str:
    """What the content security policy allows to run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _read_all(folder: str, pattern: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((FOLDER / folder).glob(pattern))]


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cnnlab.lecture.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals["message"] = message
    return environment
