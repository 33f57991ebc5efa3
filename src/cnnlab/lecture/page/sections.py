"""A section of the page: from a study's content to what the template shows."""

from typing import Any

from markupsafe import Markup

from cnnlab.lecture.page.claims import claim_view
from cnnlab.lecture.page.drawings import figure_views, table_views
from cnnlab.lecture.page.languages import Pair, message, pair_of
from cnnlab.lecture.page.mathematics import mathml
from cnnlab.lecture.page.widgets import widget_views
from cnnlab.report.messages import LANGUAGES


def section_view(section: dict[str, Any]) -> dict[str, Any]:
    """What the template needs of a section.

    Args:
        section: The content's.
    """
    name = section["name"]
    texts: Pair[Any] = Pair(*(section[language]["texts"] for language in LANGUAGES))
    shown: Pair[Any] = Pair(*(section[language]["shown"] for language in LANGUAGES))
    is_measured = section["is_measured"]
    claims = [claim_view(claim, texts) for claim in section["claims"]]
    return {
        "name": name,
        "title": pair_of(texts, "title"),
        "intro": [pair_of(texts, "intro", index) for index in range(len(texts.en.get("intro", [])))],
        "formulas": [
            {
                "mathml": mathml(formula["latex"], is_block=True),
                "caption": pair_of(texts, "formulas", index, "caption"),
            }
            for index, formula in enumerate(texts.en.get("formulas", []))
        ],
        "commands": section["commands"],
        "measure": f"make lecture ONLY={name}",
        "claims": claims,
        "has_intervals": any(claim["axis"] for claim in claims),
        "figures": figure_views(name, shown, texts) if is_measured else [],
        "tables": table_views(name, shown, texts) if is_measured else [],
        "widgets": widget_views(name, shown, texts) if is_measured else [],
        "exercises": [_exercise(texts, index) for index in range(len(texts.en.get("exercises", [])))],
        "is_measured": is_measured,
        "is_ready": section["is_ready"],
        "is_old": section["is_old"],
        "provenance": _provenance(section["provenance"]) if is_measured else None,
        "diverged": message("diverged", runs=", ".join(runs)) if (runs := section.get("diverged")) else None,
    }


def duration(seconds: float) -> Pair[Markup]:
    """Seconds, or minutes where these are many.

    Args:
        seconds: At least 0.
    """
    return message("seconds", n=round(seconds)) if seconds < 90 else message("minutes", n=round(seconds / 60))


def date(created: str) -> str:
    """A time of ISO 8601 as a reader wants it.

    Args:
        created: In UTC.
    """
    return created.replace("T", " ").replace("+00:00", " UTC")


def _exercise(texts: Pair[Any], index: int) -> dict[str, Any]:
    return {
        "question": pair_of(texts, "exercises", index, "question"),
        "command": texts.en["exercises"][index].get("command"),
        "answer": pair_of(texts, "exercises", index, "answer"),
    }


def _provenance(stored: dict[str, Any]) -> Pair[Markup]:
    tuned = stored["tuned"]
    return message(
        "provenance",
        created=date(stored["created"]),
        budget=stored["budget"],
        seconds=duration(stored["seconds"]),
        machine=stored["machine"] or message("no_commit"),
        commit=stored["commit"] or message("no_commit"),
        tuned=message("provenance.tuned", created=date(tuned)) if tuned else Pair(Markup(), Markup()),
    )
