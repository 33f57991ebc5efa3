"""The tables of the page: what stands in each cell, and what the cell is sorted by."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cnnlab.report.messages import Texts
from cnnlab.report.page.content import Content, median_with_misses, split_shown
from cnnlab.report.page.figures.grids import SIGNS

MAX_ROWS = 1000  # more would make the page slow
INFINITE = float("inf")


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what sorts it (None is last), a word for its style."""

    text: str
    value: float | str | None = None
    kind: str = ""

    @property
    def sort_key(self) -> str:
        """The value as JavaScript reads it."""
        return "Infinity" if self.value == INFINITE else str(self.value)


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


def percent(value: float | None, kind: str = "") -> Cell:
    """A fraction in per cent."""
    return number(value, lambda value: f"{100 * value:.2f}", kind)


def points(value: float | None, sign: bool = False) -> Cell:
    """A difference of fractions in points, each a hundredth."""
    return number(value, lambda value: _hundredths(value, sign))


def number(value: float | None, text: Callable[[float], str] = "{:g}".format, kind: str = "") -> Cell:
    """A number; a dash if it was not measured, ∞ for what never ended."""
    if value is None:
        return Cell("–", None, kind)
    return Cell("∞" if value == INFINITE else text(value), value, kind)


def interval(bounds: dict[str, Any] | None, sign: bool = False, value: Cell | None = None) -> Cell:
    """Two bounds in per cent or in points, after the value that they are about; sorted by it or by their width."""
    if not bounds or bounds["low"] is None or bounds["high"] is None:
        return value or Cell("–")
    low, high = (_hundredths(bounds[end], sign) for end in ("low", "high"))
    if value:
        return Cell(f"{value.text} [{low}, {high}]", value.value)
    return Cell(f"[{low}, {high}]", bounds["high"] - bounds["low"])


def probability(value: float | None) -> Cell:
    """A p value."""
    return number(
        value, lambda value: "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"
    )


def configurations_table(content: Content, texts: Texts) -> Table:
    """A row for each configuration, in the list's order."""
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
        columns.append(Column(texts("column.groups"), False, lambda item: _groups(item[1])))
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
    return Table("table-configurations", texts("table.configurations"), columns, items, notes)


def comparisons_table(content: Content, texts: Texts) -> Table | None:
    """A row for each comparison, pairs that differ first if not all of them fit."""
    items = content["comparisons"]
    if not items:
        return None
    notes = []
    if len(items) > MAX_ROWS:
        items = sorted(items, key=lambda pair: (pair["verdict"] == "undecided", pair["p_adjusted"]))[:MAX_ROWS]
        notes.append(texts("decided_first"))
        notes += _left_out(len(content["comparisons"]), "comparisons.csv", texts)
    configurations = {configuration["id"]: configuration for configuration in content["configurations"]}
    columns = [
        Column(texts("column.first"), False, lambda pair: name_cell(configurations[pair["first"]])),
        Column(texts("column.verdict"), False, lambda pair: verdict_cell(pair["verdict"], texts)),
        Column(texts("column.second"), False, lambda pair: name_cell(configurations[pair["second"]])),
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
    columns.append(Column(texts("column.pairing"), False, lambda pair: _pairing(pair, texts)))
    if any(pair["detectable"] is not None for pair in items):
        margin = f"{100 * (content['settings']['margin'] or 0.001):g}"
        notes.append(texts("detectable", power=f"{100 * content['settings']['power']:g}", margin=margin))
    if any(pair["images"] for pair in items):
        notes.append(texts("intervals"))
    notes.append(texts("pairing"))
    caption = "table.comparisons" if split_shown(content) == "test" else "table.comparisons_val"
    return Table("table-comparisons", texts(caption), columns, items, notes)


def targets_table(content: Content, texts: Texts) -> Table | None:
    """A row for each configuration and target that some run reached."""
    missed = never_reached(content)
    items = [
        (configuration, target)
        for configuration in content["configurations"]
        for target in configuration["targets"] or []
        if _target_text(target) not in missed
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
        Column(texts("column.median_epochs"), True, lambda item: _median(item[1]["epochs"], "{:g}")),
        Column(texts("column.median_seconds"), True, lambda item: _median(item[1]["seconds"], "{:.1f}")),
    ]
    notes = [texts("targets_note"), *_left_out(len(items), "report.json", texts)]
    return Table("table-targets", texts("table.targets"), columns, items[:MAX_ROWS], notes)


def never_reached(content: Content) -> list[str]:
    """The targets that no run reached, in their order."""
    hits: dict[float, bool] = {}
    texts: dict[float, str] = {}
    for configuration in content["configurations"]:
        for target in configuration["targets"] or []:
            accuracy, times = target["accuracy"], target["epochs"] or target["seconds"] or []
            texts[accuracy] = _target_text(target)
            hits[accuracy] = hits.get(accuracy, False) or any(time is not None for time in times)
    return [texts[accuracy] for accuracy in sorted(hits) if not hits[accuracy]]


def contested_table(content: Content, texts: Texts) -> Table | None:
    """A row for each of the most contested images."""
    items = (content["disagreement"] or {}).get("contested") or []
    if not items:
        return None
    names = {configuration["id"]: configuration["name"] for configuration in content["configurations"]}

    def extreme(image: dict[str, Any], choose: Callable[..., Any]) -> Cell:
        if not image["answers"]:
            return Cell("–")
        answer = choose(image["answers"], key=lambda answer: answer["share_correct"])
        share = f"{100 * answer['share_correct']:.0f}"
        return Cell(texts("cell.share", name=names[answer["configuration"]], share=share), kind="name")

    columns = [
        Column(texts("column.image"), True, lambda image: number(image["index"], "{:.0f}".format)),
        Column(texts("column.label"), False, lambda image: Cell(str(image["label"]))),
        Column(texts("column.right"), True, lambda image: number(image["share_correct"], lambda x: f"{100 * x:.0f}")),
        Column(texts("column.most"), False, lambda image: extreme(image, max)),
        Column(texts("column.least"), False, lambda image: extreme(image, min)),
    ]
    return Table("table-contested", texts("table.contested"), columns, items)


def name_cell(configuration: dict[str, Any]) -> Cell:
    """A configuration's name."""
    return Cell(configuration["name"] or "–", kind="name")


def verdict_cell(verdict: str, texts: Texts) -> Cell:
    """A verdict's sign and word."""
    return Cell(f"{SIGNS[verdict]} {texts(f'verdict.{verdict}')}", texts(f"verdict.{verdict}"), verdict)


def _left_out(num: int, file: str, texts: Texts) -> list[str]:
    return [texts("rows_of", shown=MAX_ROWS, total=num, file=file)] if num > MAX_ROWS else []


def _hundredths(value: float, sign: bool) -> str:
    text = f"{100 * value:{'+' if sign else ''}.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


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


def _difference(pair: dict[str, Any]) -> Cell:
    return interval(pair, sign=True, value=points(pair["difference"], sign=True))


def _groups(configuration: dict[str, Any]) -> Cell:
    """A letter for each group, as compact letter displays have them: a to z, then a1 and so on."""
    numbers = configuration["group_ids"]
    letters = [chr(ord("a") + number % 26) + (str(number // 26) if number >= 26 else "") for number in numbers]
    return Cell(" ".join(letters) or "–")


def _p_equivalence(pair: dict[str, Any]) -> Cell:
    adjusted = pair["p_equivalence_adjusted"]
    return probability(pair["p_equivalence"] if adjusted is None else adjusted)


def _pairing(pair: dict[str, Any], texts: Texts) -> Cell:
    return Cell(texts("cell.paired" if pair["is_paired"] else "cell.unpaired"))


def _target_text(target: dict[str, Any]) -> str:
    return f"{100 * target['accuracy']:g} %"


def _median(times: list[float | None] | None, form: str) -> Cell:
    if not times:
        return Cell("–")
    median = median_with_misses(times)
    return number(INFINITE if median is None else median, form.format)
