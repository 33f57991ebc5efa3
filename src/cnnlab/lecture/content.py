"""All that the page shows: verdicts, texts, figures, tables and widgets of every section, in every language."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnlab.lecture.claims import AnyClaim, Claim
from cnnlab.lecture.judge import Judgement, judge
from cnnlab.lecture.store import load, sources_digest
from cnnlab.lecture.study import Shown, Study
from cnnlab.lecture.texts import Words
from cnnlab.report.messages import LANGUAGES


def build(folder: Path, ready: Path | None, studies: Sequence[Study], *, draw: bool = True) -> dict[str, Any]:
    """The content of the page.

    Its form: `{"sections": [section, …]}`, and a section is
    `{"name", "is_measured", "is_ready" (its numbers come with the repository), "is_old" (older than the code),
    "provenance": {"budget", "created", "seconds", "machine", "commit", "tuned" (when the full run was that chose the
    learning rates, if not here)}, "diverged": [runs that diverged],
    "commands": [text],
    "claims": [{"name", "verdict", "expected", "margin", "unit", "is_exact", "findings": [{"condition", "verdict",
    "num_seeds", "mean", "low", "high", "p_value"}]}],
    "en": of_language, "ko": of_language}`, where of_language is `{"texts": the study's texts in that language,
    "shown": a `Shown`}`. A section without measurements has neither claims' verdicts nor anything shown;
    an old result that lacks what a claim of today needs is none, and one that cannot be drawn is judged alone.

    Args:
        folder: The lecture's.
        ready: Where results that come with the repository are; None without any.
        studies: All, in the order of the page.
        draw: Whether figures are drawn; else `shown` is None everywhere, which is enough for the verdicts.
    """
    found = [(study, *_stored(folder, ready, study)) for study in studies]
    claims = [claim for study, stored, _ in found if stored for claim in study.claims]
    effects = {name: each for _, stored, _ in found if stored for name, each in stored["effects"].items()}
    family = [claim for study in studies for claim in study.claims]
    judgements = {each.claim.name: each for each in judge(claims, effects, family)}
    return {"sections": [_section(*each, judgements, draw=draw) for each in found]}


def _stored(folder: Path, ready: Path | None, study: Study) -> tuple[dict[str, Any] | None, bool]:
    """What is known of a study, and whether it comes with the repository."""
    for place, is_ready in ((folder, False), (ready, True)):
        stored = load(place, study) if place is not None else None
        if stored is not None and _has_all_effects(stored, study):
            return stored, is_ready
    return None, False


def _has_all_effects(stored: dict[str, Any], study: Study) -> bool:
    """Whether a result, which may be older than the claims, has the effects of all of them."""
    return all(set(claim.conditions) <= stored["effects"].get(claim.name, {}).keys() for claim in study.claims)


def _section(
    study: Study, stored: dict[str, Any] | None, is_ready: bool, judgements: dict[str, Judgement], *, draw: bool
) -> dict[str, Any]:
    section: dict[str, Any] = {
        "name": study.name,
        "is_measured": stored is not None,
        "is_ready": is_ready and stored is not None,
        "is_old": stored is not None and stored["sources"] != sources_digest(study),
        "commands": [f"python train.py sweep={sweep}" for sweep in study.sweeps],
        "claims": [_claim(claim, judgements.get(claim.name)) for claim in study.claims],
    }
    if stored is not None:
        names = ("budget", "created", "seconds", "machine", "commit")
        section["provenance"] = {name: stored[name] for name in names} | {"tuned": stored.get("tuned")}
        section["diverged"] = stored.get("diverged", [])  # results from before it was stored had none
    for language in LANGUAGES:
        words = Words(study.name, language)
        shown = _shown(study, stored["data"], words, is_old=section["is_old"]) if draw and stored else None
        section[language] = {"texts": words.texts, "shown": shown}
    return section


def _shown(study: Study, data: dict[str, Any], words: Words, *, is_old: bool) -> Shown:
    try:
        return study.show(data, words)
    except (LookupError, TypeError, ValueError):
        if not is_old:
            raise
        return Shown()  # the code of today does not know the data of then


def _claim(claim: AnyClaim, judgement: Judgement | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": claim.name,
        "is_exact": not isinstance(claim, Claim),
        "verdict": None if judgement is None else str(judgement.verdict),
        "findings": [] if judgement is None else [each._asdict() for each in judgement.findings],
    }
    if isinstance(claim, Claim):
        found |= {"expected": str(claim.expected), "margin": claim.margin, "unit": claim.unit}
    return found
