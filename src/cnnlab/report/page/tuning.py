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
        Column(head, True, score),
        Column(texts("column.num_trials"), True, lambda each: number(each["num_trials"])),
        Column(texts("column.num_diverged"), True, lambda each: number(each["num_diverged"])),
        Column(texts("column.space"), False, _space),
    ]
    if any(each["num_near"] is not None for each in items):
        columns.insert(5, Column(texts("column.num_near"), True, lambda each: number(each["num_near"])))
    if any(each["at_edge"] for each in items):
        columns.append(Column(texts("column.at_edge"), False, _edges))
    return Table("table-tuning", texts("table.tuning"), columns, items, [texts("tuning_note")])


def _chosen(tuned: dict[str, Any], texts: Texts) -> Cell:
    return Cell(texts("cell.defaults")) if tuned["chosen"] is None else _listed(tuned["chosen"])


def _space(tuned: dict[str, Any]) -> Cell:
    return Cell("; ".join(f"{_short(name)} {words}" for name, words in tuned["space"].items()))


def _edges(tuned: dict[str, Any]) -> Cell:
    return Cell(", ".join(map(_short, tuned["at_edge"])))


def _listed(values: dict[str, str]) -> Cell:
    return Cell(", ".join(f"{_short(name)}={value}" for name, value in values.items()))


def _short(name: str) -> str:
    return name.rpartition(".")[2]
