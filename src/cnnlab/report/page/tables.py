"""The tables of the page: their rows, columns and notes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cnnlab.report.messages import Texts
from cnnlab.report.page.cells import (
    Cell,
    group_letters,
    interval,
    median_time,
    name_cell,
    number,
    pair_cell,
    percent,
    points,
    probability,
    verdict_cell,
)
from cnnlab.report.page.content import Content, split_shown

MAX_ROWS = 1000  # more would make the page slow


@dataclass(frozen=True)
class Column:
    """A column: its head, whether it has numbers, and its cell of an item."""

    head: str
    is_number: bool
    cell: Callable[[Any], Cell]


@dataclass
class Table:
    """A table, ready to be laid out.

    Attributes:
        name: Its id on the page.
        caption: What is in it.
        columns: With a function from an item to a cell each.
        items: A row each.
        notes: Sentences above it.
    """

    name: str
    caption: str
    columns: list[Column]
    items: list[Any]
    notes: list[str] = field(default_factory=list)

    @property
    def row_head(self) -> Column:
        """The column whose cells say what the row is about: the first of words."""
        return next(column for column in self.columns if not column.is_number)

    def rows(self) -> list[list[tuple[Column, Cell]]]:
        """Its cells, each with its column."""
        return [[(column, column.cell(item)) for column in self.columns] for item in self.items]


def configurations_table(content: Content, texts: Texts) -> Table:
    """A row for each configuration, in the list's order.

    Args:
        content: report.json's.
        texts: In its language.
    """
    items = list(enumerate(content["configurations"], start=1))[:MAX_ROWS]
    columns = [
        Column(texts("column.rank"), True, lambda item: number(item[0])),
        Column(texts("column.configuration"), False, lambda item: name_cell(item[1])),
    ]
    if len(content["varied"]) > 1:
        columns += [_value_column(name, items) for name in content["varied"]]
    columns.append(Column(texts("column.n"), True, lambda item: number(item[1]["n"])))
    for split in ("val", "test"):
        if any(configuration[split] for _, configuration in items):
            columns += _accuracy_columns(split, items, texts)
    if any(configuration["predicted_deviation"] is not None for _, configuration in items):
        head = texts("column.predicted")
        columns.append(Column(head, True, lambda item: points(item[1]["predicted_deviation"])))
    if content["groups"]:
        columns.append(Column(texts("column.groups"), False, lambda item: group_letters(item[1]["group_ids"])))
    columns.append(Column(texts("column.fit"), True, lambda item: number(item[1]["fit_s"], "{:.1f}".format)))
    if any(_unusable(configuration) for _, configuration in items):
        columns.append(Column(texts("column.unusable"), True, lambda item: _unusable_cell(item[1], texts)))
    is_validated = any(configuration["val"] for _, configuration in items)
    notes = [texts("order.validated" if is_validated else "order.by_name")]
    notes += _left_out(len(content["configurations"]), "summary.csv", texts)
    if content["comparisons"]:
        notes.append(texts("order.not_ranking"))
    shown = split_shown(content)
    if any((configuration[shown] or {}).get("low") is not None for _, configuration in items if shown):
        notes.append(texts("interval") + (" " + texts("deviation") if shown == "test" else ""))
    if content["groups"]:
        notes.append(texts("groups"))
    if any(configuration["survivors_only"] for _, configuration in items):
        notes.append(texts("survivors"))
    if any(configuration["fit_s"] is not None for _, configuration in items):
        notes.append(texts("wall_clock"))
    return Table("table-configurations", texts("table.configurations"), columns, items, notes)


def comparisons_table(content: Content, texts: Texts) -> Table | None:
    """A row for each comparison, pairs that differ first if not all of them fit; None if there are none.

    Args:
        content: report.json's.
        texts: In its language.
    """
    items = content["comparisons"]
    if not items:
        return None
    notes = each_alone(content, texts)
    if len(items) > MAX_ROWS:
        items = sorted(items, key=lambda pair: (pair["verdict"] == "undecided", pair["p_adjusted"]))[:MAX_ROWS]
        notes.append(texts("decided_first"))
        notes += _left_out(len(content["comparisons"]), "comparisons.csv", texts)
    configurations = {configuration["id"]: configuration for configuration in content["configurations"]}
    columns = [
        Column(texts("column.pair"), False, lambda pair: pair_cell(*_of_pair(pair, configurations), texts)),
        Column(texts("column.verdict"), False, lambda pair: verdict_cell(pair["verdict"], texts)),
        Column(texts("column.difference"), True, _difference),
        Column(texts("column.n"), True, lambda pair: number(pair["n"])),
        Column(texts("column.p"), True, lambda pair: probability(pair["p_adjusted"])),
    ]
    optional = [
        ("p_equivalence", Column(texts("column.p_equivalence"), True, _p_equivalence)),
        ("detectable", Column(texts("column.detectable"), True, lambda pair: points(pair["detectable"]))),
        ("needed_seeds", Column(texts("column.needed"), True, lambda pair: number(pair["needed_seeds"]))),
        ("images", Column(texts("column.images"), True, lambda pair: interval(pair["images"], sign=True))),
        ("images_and_seeds", Column(texts("column.both"), True, lambda pair: interval(pair["images_and_seeds"], True))),
    ]
    columns += [column for key, column in optional if any(pair[key] is not None for pair in items)]
    if not all(pair["is_paired"] for pair in items):
        columns.append(Column(texts("column.pairing"), False, lambda pair: _pairing(pair, texts)))
    if any(pair.get("other_code") for pair in items):
        columns.append(Column(texts("column.other_code"), False, lambda pair: _other_code(pair, texts)))
    if any(pair["detectable"] is not None for pair in items):
        margin = f"{100 * (content['settings']['margin'] or 0.001):g}"
        notes.append(texts("detectable", power=f"{100 * content['settings']['power']:g}", margin=margin))
    if any(pair["images"] for pair in items):
        notes.append(texts("intervals"))
    notes.append(texts("all_paired" if all(pair["is_paired"] for pair in items) else "pairing"))
    caption = "table.comparisons" if split_shown(content) == "test" else "table.comparisons_val"
    return Table("table-comparisons", texts(caption), columns, items, notes)


def each_alone(content: Content, texts: Texts) -> list[str]:
    """That intervals are not corrected for the number of comparisons and verdicts are; nothing for a single one.

    Args:
        content: report.json's.
        texts: In its language.
    """
    num = content["settings"]["family"]
    return [texts("each_alone", n=num)] if num > 1 and content["comparisons"] else []


def targets_table(content: Content, texts: Texts) -> Table | None:
    """A row for each configuration and target that some run reached; None if there are none.

    Args:
        content: report.json's.
        texts: In its language.
    """
    missed = never_reached(content, texts)
    items = [
        (configuration, target)
        for configuration in content["configurations"]
        for target in configuration["targets"] or []
        if _target_text(target, texts) not in missed
    ]
    if not items:
        return None

    def reached(item: Any) -> Cell:
        times = item[1]["epochs"] or item[1]["seconds"] or []
        hits = sum(time is not None for time in times)
        return Cell(texts("cell.reached", hits=hits, n=len(times)), hits / max(len(times), 1))

    columns = [
        Column(texts("column.configuration"), False, lambda item: name_cell(item[0])),
        Column(texts("column.target"), True, lambda item: number(item[1]["accuracy"], lambda x: f"{100 * x:g}")),
        Column(texts("column.reached"), True, reached),
        Column(texts("column.median_epochs"), True, lambda item: median_time(item[1]["epochs"], "{:g}")),
        Column(texts("column.median_seconds"), True, lambda item: median_time(item[1]["seconds"], "{:.1f}")),
    ]
    notes = [texts("targets_note"), *_left_out(len(items), "report.json", texts)]
    notes += [texts("wall_clock")] if any(target["seconds"] for _, target in items) else []
    return Table("table-targets", texts("table.targets"), columns, items[:MAX_ROWS], notes)


def never_reached(content: Content, texts: Texts) -> list[str]:
    """The targets that no run reached, in their order: `["99 %"]`.

    Args:
        content: report.json's.
        texts: In its language.
    """
    hits: dict[float, bool] = {}
    names: dict[float, str] = {}
    for configuration in content["configurations"]:
        for target in configuration["targets"] or []:
            accuracy, times = target["accuracy"], target["epochs"] or target["seconds"] or []
            names[accuracy] = _target_text(target, texts)
            hits[accuracy] = hits.get(accuracy, False) or any(time is not None for time in times)
    return [names[accuracy] for accuracy in sorted(hits) if not hits[accuracy]]


def _left_out(num: int, file: str, texts: Texts) -> list[str]:
    return [texts("rows_of", shown=MAX_ROWS, total=num, file=file)] if num > MAX_ROWS else []


def _accuracy_columns(split: str, items: list[tuple[int, dict[str, Any]]], texts: Texts) -> list[Column]:
    has_intervals = any((configuration[split] or {}).get("low") is not None for _, configuration in items)
    head = texts(f"column.{split}") + (" " + texts("column.interval") if has_intervals else "")

    def mean(item: Any) -> Cell:
        cell = percent((item[1][split] or {}).get("mean"))
        cell = interval(item[1][split], value=cell)
        is_marked = item[1]["survivors_only"] and cell.value is not None
        return Cell(texts("cell.survivors", value=cell.text), cell.value, "survivors") if is_marked else cell

    def deviation(item: Any) -> Cell:
        return points((item[1][split] or {}).get("deviation"))

    return [
        Column(head, True, mean),
        *([Column(texts("column.deviation"), True, deviation)] if split == "test" and has_intervals else []),
    ]


def _value_column(name: str, items: list[tuple[int, dict[str, Any]]]) -> Column:
    values = [configuration["values"].get(name) for _, configuration in items]
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)

    def cell(item: Any) -> Cell:
        value = item[1]["values"].get(name)
        return number(value, "{:.4g}".format) if is_number else Cell("–" if value is None else str(value), kind="name")

    return Column(name, is_number, cell)


def _unusable(configuration: dict[str, Any]) -> int:
    return int(sum(configuration[f"num_{state}"] for state in ("diverged", "failed", "other")))


def _unusable_cell(configuration: dict[str, Any], texts: Texts) -> Cell:
    states = [state for state in ("diverged", "failed", "other") if configuration[f"num_{state}"]]
    words = [texts(f"cell.{state}", n=configuration[f"num_{state}"]) for state in states]
    return Cell(", ".join(words) or "0", _unusable(configuration))


def _of_pair(pair: dict[str, Any], configurations: dict[int, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return configurations[pair["first"]], configurations[pair["second"]]


def _difference(pair: dict[str, Any]) -> Cell:
    return interval(pair, sign=True, value=points(pair["difference"], sign=True))


def _p_equivalence(pair: dict[str, Any]) -> Cell:
    adjusted = pair["p_equivalence_adjusted"]
    return probability(pair["p_equivalence"] if adjusted is None else adjusted)


def _pairing(pair: dict[str, Any], texts: Texts) -> Cell:
    return Cell(texts("cell.paired" if pair["is_paired"] else "cell.unpaired"))


def _other_code(pair: dict[str, Any], texts: Texts) -> Cell:
    counts = (pair.get("other_code") or {}).items()
    parts = [texts("cell.other_code", name=name, count=count, n=pair["n"]) for name, count in counts]
    return Cell(", ".join(parts) or "–", kind="worse" if parts else "")


def _target_text(target: dict[str, Any], texts: Texts) -> str:
    return texts("percent", value=f"{100 * target['accuracy']:g}")
