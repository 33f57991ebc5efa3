"""The sections of the page: their figures, tables and sentences. A section without data does not exist."""

from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from cnnlab.report.messages import Texts
from cnnlab.report.page import tables
from cnnlab.report.page.content import Content, split_shown
from cnnlab.report.page.contested import contested_table
from cnnlab.report.page.figures import FIGURES, inline_svg
from cnnlab.report.page.figures.curves import MAX_BEHIND, curves_of
from cnnlab.report.page.figures.cuts import cuts
from cnnlab.report.page.figures.dot_plot import has_brackets
from cnnlab.report.page.figures.style import MAX_LINES, NARROW_INCHES
from cnnlab.report.page.figures.tuning import band_leaves, drawn_name, has_ranges, num_lost
from cnnlab.report.page.summary import num_seeds
from cnnlab.report.page.tables import Table
from cnnlab.report.page.tuning import tuning_table

MAX_SENTENCES = 200
NARROW = set(FIGURES) - {
    "comparisons",
    "per_class",
    "heat_map",
    "parallel",
}  # whose cells would be too small on a phone


@dataclass(frozen=True)
class Drawing:
    """A figure on the page: an `<svg>` element, one for a phone if it differs, and what stands below."""

    name: str
    svg: Markup
    narrow_svg: Markup | None
    captions: list[str]


@dataclass
class Section:
    """A section of the page, in this order: notes, figures, more sentences to unfold, tables."""

    name: str
    title: str
    notes: list[str] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    num_sentences: int = 0  # of which `sentences` are the first
    sentence_notes: list[str] = field(default_factory=list)  # above them

    @property
    def has_data(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.drawings or self.tables or self.notes)


def sections_of(content: Content, texts: Texts, figures: dict[str, Figure]) -> list[Section]:
    """The sections that the content has data for, in the page's order.

    Args:
        content: report.json's.
        texts: In its language.
        figures: Those of the content, by name.
    """

    def section(name: str, *names: str, table: Table | None = None, notes: list[str] | None = None) -> Section:
        drawings = [draw(figure, figures[figure], content, texts) for figure in names if figure in figures]
        return Section(name, texts(f"section.{name}"), notes or [], drawings, [], [table] if table else [])

    configurations = tables.configurations_table(content, texts) if content["configurations"] else None
    comparisons = section(
        "comparisons", "comparisons", table=tables.comparisons_table(content, texts), notes=_verdicts(content, texts)
    )
    comparisons.sentences = [pair["sentence"] for pair in _decided_first(content)[:MAX_SENTENCES]]
    comparisons.num_sentences = len(content["comparisons"] or [])
    comparisons.sentence_notes = tables.each_alone(content, texts)
    targets = tables.targets_table(content, texts)
    missed = (
        [texts("never_reached", targets=", ".join(never))] if (never := tables.never_reached(content, texts)) else []
    )
    contested = contested_table(content, texts)
    sections = [
        section("configurations", "dot_plot", table=configurations),
        comparisons,
        section("curves", "curves_by_epoch", "curves_by_second"),
        section("targets", "targets_by_epoch", "targets_by_second", table=targets, notes=missed),
        section("tuning", "tuning_trials", "tuning_curves", table=tuning_table(content, texts)),
        section("sensitivity", "sensitivity"),
        section("grid", "heat_map", "parallel"),
        section("effects", "effects"),
        section("disagreement", "per_class", "contested", table=contested, notes=_predictions(content, texts)),
    ]
    return [section for section in sections if section.has_data]


def draw(name: str, figure: Figure, content: Content, texts: Texts) -> Drawing:
    """A figure for the page.

    Args:
        name: One of `FIGURES`.
        figure: Drawn by it.
        content: report.json's.
        texts: In its language.
    """
    captions = _captions(name, content, texts)
    narrow = FIGURES[name](content, NARROW_INCHES) if name in NARROW else None
    return Drawing(
        name,
        Markup(inline_svg(figure, name, captions[0])),
        Markup(inline_svg(narrow, f"{name}-narrow", captions[0])) if narrow else None,
        captions,
    )


def _captions(name: str, content: Content, texts: Texts) -> list[str]:
    values = _values(name, content)
    is_tied = name == "contested" and values["tied"] > values["shown"]
    captions = [texts("caption.contested_tied" if is_tied else f"caption.{name}", **values)]
    if name == "dot_plot":
        shown = [configuration[split_shown(content)] for configuration in content["configurations"]]
        if any(summary and summary["low"] is not None for summary in shown):
            captions.append(texts("caption.intervals"))
        if has_brackets(content):
            captions.append(texts("caption.groups"))
    if name == "tuning_trials":
        captions += [texts("caption.tuning_lost")] if num_lost(content) else []
        captions += [texts("caption.tuning_ranges")] if has_ranges(content) else []
    if name == "tuning_curves" and band_leaves(content):
        captions.append(texts("caption.tuning_band"))
    if name in ("per_class", "heat_map"):
        captions.append(texts("caption.seeds", n=num_seeds(content)))
    if name.endswith("_by_second"):
        captions.append(texts("wall_clock"))
    num_curves = len(curves_of(content, "epochs")[1]) if name == "curves_by_epoch" else 0
    if num_curves > MAX_LINES:
        captions.append(texts("caption.curves_others" if num_curves <= MAX_BEHIND else "caption.curves_first"))
    for kind, limit, num in cuts(name, content):
        if num > limit:
            captions.append(texts(f"drawn_of.{kind}", shown=limit, total=num))
    return captions


def _values(name: str, content: Content) -> dict[str, Any]:
    """Of the places in a figure's caption."""
    if name == "sensitivity":
        return {"name": content["sensitivity"]["name"]}
    if name == "tuning_trials":
        return {"name": drawn_name(content)}
    if name == "contested":
        found = content["disagreement"]
        shown = len(found["contested"])
        tied, total = (found.get(key, shown) for key in ("num_as_contested", "num_contested"))
        return {"shown": shown, "tied": tied, "total": total}
    return {}


def _predictions(content: Content, texts: Texts) -> list[str]:
    """Whose predictions the section is about, if not all completed runs have saved them."""
    disagreement, total = content["disagreement"] or {}, content["runs"]["completed"]
    num = disagreement.get("num_runs", total)
    return [texts("predictions_of", shown=num, total=total)] if disagreement and num < total else []


def _verdicts(content: Content, texts: Texts) -> list[str]:
    verdicts = [pair["verdict"] for pair in content["comparisons"] or []]
    if not verdicts:
        return []
    counts = {verdict: verdicts.count(verdict) for verdict in ("equivalent", "undecided")}
    different = len(verdicts) - sum(counts.values())
    if content["settings"]["margin"] is None:
        counts.pop("equivalent")
    if len(verdicts) == 1:
        notes = [texts("only_verdict", verdict=texts(f"verdict.{verdicts[0]}"))]
    else:
        key = "verdict_counts" if "equivalent" in counts else "verdict_counts_without_margin"
        notes = [texts(key, total=len(verdicts), different=different, **counts)]
    notes[0] += " " + texts("not_equal") if counts["undecided"] else ""
    if content["correlation"] is not None:
        value = f"{content['correlation']:.2f}".replace("-", "\N{MINUS SIGN}")
        notes.append(texts("correlation", split=texts(f"split.{split_shown(content)}"), value=value))
    return notes


def _decided_first(content: Content) -> list[Content]:
    rank = {"better": 0, "worse": 0, "equivalent": 1, "undecided": 2}
    return sorted(content["comparisons"] or [], key=lambda pair: rank[pair["verdict"]])
