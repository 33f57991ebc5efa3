"""The top of the page: what was compared, on what, at what cost."""

from collections.abc import Iterable
from dataclasses import dataclass

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content

MOST_RANGES = 12  # of seeds
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Fact:
    """A line of the summary: a label and its texts, of which several stand below each other."""

    label: str
    lines: list[str]


def summary_of(content: Content, texts: Texts) -> list[Fact]:
    """The facts, in the page's order.

    Args:
        content: report.json's.
        texts: In its language.
    """
    facts = [
        Fact(texts("fact.compared"), [_compared(content, texts)]),
        Fact(texts("fact.runs"), [_runs(content, texts)]),
        Fact(texts("fact.n"), [_n(content, texts)]),
        Fact(texts("fact.data"), [
            texts("fact.data_text", name=data["name"], **{split: _count(data[split]) for split in SPLITS})
            for data in content["data"]
        ]),
        Fact(texts("fact.budget"), [_budget(content, texts)]),
        Fact(texts("fact.procedure"), [_procedure(content, texts)] if content["comparisons"] else []),
    ]  # fmt: skip
    return [fact for fact in facts if any(fact.lines)]


def duration(seconds: float, texts: Texts) -> str:
    """A time that a reader grasps: `35.2 s`, `12 min`, `3 h 20 min`.

    Args:
        seconds: Not negative.
        texts: In the page's language.
    """
    if seconds < 120:
        return texts("unit.seconds", seconds=f"{seconds:.1f}")
    minutes = round(seconds / 60)
    if minutes < 120:
        return texts("unit.minutes", minutes=minutes)
    return texts("unit.hours", hours=minutes // 60, minutes=minutes % 60)


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers, neighbours as a range: `0–4, 7`.

    Args:
        numbers: In any order.
    """
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in parts)


def num_seeds(content: Content) -> int | str:
    """How many completed runs the configurations have: `5`, or `3–5` if they differ.

    Args:
        content: report.json's, with at least one configuration.
    """
    counts = [configuration["n"] for configuration in content["configurations"]]
    return int(counts[0]) if min(counts) == max(counts) else f"{min(counts)}–{max(counts)}"


def _compared(content: Content, texts: Texts) -> str:
    num = len(content["configurations"])
    if num == 1 or not content["varied"]:
        return texts("fact.single_text") if num == 1 else texts("configurations", n=num)
    configurations = texts("configurations", n=num)
    return texts("fact.compared_text", configurations=configurations, varied=", ".join(content["varied"]))


def _runs(content: Content, texts: Texts) -> str:
    runs = content["runs"]
    text = texts("fact.runs_text", runs=texts("runs", n=runs["total"]), completed=runs["completed"])
    for state in ("diverged", "failed", "other"):
        text += texts(f"fact.{state}", n=runs[state]) if runs[state] else ""
    return text + (texts("fact.left_out", n=len(runs["left_out"])) if runs["left_out"] else "")


def _n(content: Content, texts: Texts) -> str:
    if not content["configurations"]:
        return ""
    seeds = content["budget"]["seeds"]
    parts = ranges(seeds).split(", ")
    listed = ", ".join(parts[:MOST_RANGES])
    if len(parts) > MOST_RANGES:
        listed = texts("sentence.more_names", names=listed, n=len(parts) - MOST_RANGES)
    return texts("fact.n_text", n=num_seeds(content), seeds=listed)


def _budget(content: Content, texts: Texts) -> str:
    budget = content["budget"]
    if not budget["epochs"] or budget["fit_s"] is None:
        return ""
    *others, last = sorted(budget["epochs"])
    epochs = "".join(f"{epochs:g}, " for epochs in others) + texts("epochs", n=last)
    text = texts("fact.budget_text", epochs=epochs, time=duration(budget["fit_s"], texts))
    tuning = content["tuning"]
    return text + (texts("fact.budget_tuning", time=duration(tuning["fit_s"], texts)) if tuning else "")


def _procedure(content: Content, texts: Texts) -> str:
    settings = content["settings"]
    text = texts("fact.procedure_text", n=settings["family"], alpha=f"{100 * settings['alpha']:g}")
    text += texts("fact.baseline", baseline=settings["baseline"]) if settings["baseline"] else ""
    if settings["margin"] is None:
        return text + texts("fact.no_margin")
    return text + texts("fact.margin", margin=f"{100 * settings['margin']:g}")


def _count(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
