"""The table of a sweep's tuning: what was chosen for every configuration."""

from typing import Any

from cnnlab.report.messages import Texts
from cnnlab.report.page.cells import Cell, name_cell, number, percent
from cnnlab.report.page.content import Content
from cnnlab.report.page.figures.tuning import OBJECTIVE
from cnnlab.report.page.tables import Column, Table


def tuning_table(content: Content, texts: Texts) -> Table | None:
    """A row for each tuned configuration, in the list's order; None if nothing was tuned.

    Args:
        content: report.json's.
        texts: In its language.
    """
    tuning = content["tuning"]
    if tuning is None or not tuning["configurations"]:
        return None
    items = tuning["configurations"]
    configurations = {each["id"]: each for each in content["configurations"]}
    is_accuracy = tuning["objective"] == OBJECTIVE
    head = texts("column.val") if is_accuracy else texts("column.tuning_score", objective=tuning["objective"])

    def score(each: dict[str, Any]) -> Cell:
        return percent(each["score"]) if is_accuracy else number(each["score"], "{:.4g}".format)

    columns = [
        Column(texts("column.configuration"), False, lambda each: name_cell(configurations[each["configuration"]])),
        Column(texts("column.chosen"), False, lambda each: _chosen(each, texts)),
        *([Column(texts("column.at_edge"), False, _edges)] if any(each["at_edge"] for each in items) else []),
        Column(head, True, score),
        Column(texts("column.num_trials"), True, lambda each: number(each["num_trials"])),
        _lost_column(items, texts),
    ]
    if any(each["num_near"] is not None for each in items):
        columns.append(Column(texts("column.num_near"), True, lambda each: number(each["num_near"])))
    columns.append(Column(texts("column.space"), False, lambda each: _space(each, texts)))
    notes = [texts("tuning_note")]
    if tuning["chance"] is not None:
        notes.append(texts("chance_note", chance=f"{100 * tuning['chance']:g}"))
    return Table("table-tuning", texts("table.tuning"), columns, items, notes)


def _lost_column(items: list[dict[str, Any]], texts: Texts) -> Column:
    """How many trials learnt nothing: those at chance too, if it is known what that is."""
    if any(each["num_at_chance"] is None for each in items):
        return Column(texts("column.num_diverged"), True, lambda each: number(each["num_diverged"]))
    head = texts("column.num_lost")
    return Column(head, True, lambda each: number(each["num_diverged"] + each["num_at_chance"]))


def _chosen(tuned: dict[str, Any], texts: Texts) -> Cell:
    return Cell(texts("cell.defaults")) if tuned["chosen"] is None else _listed(tuned["chosen"])


def _space(tuned: dict[str, Any], texts: Texts) -> Cell:
    parts = [
        f"{_short(name)} {in_words(tuned['parameters'][name], texts) or words}"
        for name, words in tuned["space"].items()
    ]
    return Cell("; ".join(parts), kind="wrapped")


def in_words(parameter: dict[str, Any] | None, texts: Texts) -> str:
    """The values that are chosen from, in the page's language; nothing if they cannot be told.

    Args:
        parameter: Of report.json.
        texts: In its language.
    """
    if parameter is None:
        return ""
    if "listed" in parameter:
        return texts("cell.or").join(parameter["listed"])
    low, high = (f"{parameter[end]:g}" for end in ("low", "high"))
    return texts("cell.log_range" if parameter["is_log"] else "cell.range", low=low, high=high)


def _edges(tuned: dict[str, Any]) -> Cell:
    return Cell(", ".join(map(_short, tuned["at_edge"])))


def _listed(values: dict[str, str]) -> Cell:
    return Cell(", ".join(f"{_short(name)}={value}" for name, value in values.items()))


def _short(name: str) -> str:
    return name.rpartition(".")[2]
