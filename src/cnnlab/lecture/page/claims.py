"""A claim as the page shows it: words, rule, verdict, and the finding of each condition."""

from typing import Any

from markupsafe import Markup

from cnnlab.lecture.claims import Expected, Verdict
from cnnlab.lecture.page.intervals import Scale, draw_axis, draw_interval, scale_of
from cnnlab.lecture.page.languages import Pair, message, pair_of
from cnnlab.lecture.page.numbers import effect_text, p_text, tick_text

SIGNS = {
    Verdict.SUPPORTED: "✓", Verdict.REFUTED: "✗", Verdict.NO_EFFECT: "≈", Verdict.DEPENDS: "◐", Verdict.UNDECIDED: "?",
}  # fmt: skip


def chip(verdict: str | None) -> dict[str, Any]:
    """A verdict's name, sign and words; None is not measured.

    Args:
        verdict: Of `Verdict`.
    """
    name = verdict or "unmeasured"
    return {"name": name, "sign": SIGNS[Verdict(verdict)] if verdict else "–", "words": message(f"verdict.{name}")}


def claim_view(claim: dict[str, Any], texts: Pair[Any]) -> dict[str, Any]:
    """What the template needs of a claim.

    Args:
        claim: The content's.
        texts: The study's texts in each language.
    """
    own = Pair(*(each["claims"][claim["name"]] for each in texts))
    view: dict[str, Any] = {
        "name": claim["name"],
        "words": pair_of(own, "words"),
        "rule": pair_of(own, "rule"),
        "note": pair_of(own, "note") if own.en.get("note") else None,
        "chip": chip(claim["verdict"]),
        "is_exact": claim["is_exact"],
        "margin": None if claim["is_exact"] else _margin(claim),
        "axis": None,
    }
    if claim["is_exact"]:
        return view | {"findings": [_check(finding, texts) for finding in claim["findings"]]}
    findings = [_as_measured(finding, claim["expected"]) for finding in claim["findings"]]
    if findings:
        scale = scale_of([(each["low"], each["high"]) for each in findings], claim["margin"])
        view["axis"] = draw_axis(scale, claim["unit"])
        return view | {"findings": [_finding(each, claim, scale, texts) for each in findings]}
    return view | {"findings": []}


def _as_measured(finding: dict[str, Any], expected: str) -> dict[str, Any]:
    """With the sign of the statistic; the judge's is positive where the lecture is right."""
    if expected != Expected.LESS:
        return finding
    return finding | {"mean": -finding["mean"], "low": -finding["high"], "high": -finding["low"]}


def _finding(finding: dict[str, Any], claim: dict[str, Any], scale: Scale, texts: Pair[Any]) -> dict[str, Any]:
    unit, margin = claim["unit"], claim["margin"]
    low, mean, high = (finding[key] for key in ("low", "mean", "high"))
    return _condition(finding, texts) | {
        "plot": draw_interval(low, mean, high, margin, Expected(claim["expected"]), scale),
        "effect": message(f"effect.{unit}", effect=effect_text(mean, unit)),
        "interval": message("interval", low=effect_text(low, unit), high=effect_text(high, unit)),
        "seeds": message("seeds", n=finding["num_seeds"]),
        "p": p_text(finding["p_value"]),
    }


def _check(finding: dict[str, Any], texts: Pair[Any]) -> dict[str, Any]:
    found = _condition(finding, texts)
    return found | {"chip": found["chip"] | {"words": message("holds" if finding["mean"] else "fails")}}


def _condition(finding: dict[str, Any], texts: Pair[Any]) -> dict[str, Any]:
    name = finding["condition"]
    return {
        "condition": pair_of(texts, "conditions", name),
        "chip": chip(finding["verdict"]),
    }


def _margin(claim: dict[str, Any]) -> Pair[Markup]:
    direction, unit, margin = claim["expected"], claim["unit"], claim["margin"]
    if margin == 0:
        return message(f"expected.{direction}")
    size = (tick_text if unit == "decades" else effect_text)(margin, unit).lstrip("+×")
    return message(f"expected.{direction}_margin", margin=message(f"margin.{unit}", margin=size))
