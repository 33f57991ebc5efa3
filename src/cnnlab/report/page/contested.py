"""The table of the test images that the runs disagree on most."""

from collections.abc import Callable
from typing import Any

from cnnlab.report.messages import Texts
from cnnlab.report.page.cells import Cell, number
from cnnlab.report.page.content import Content
from cnnlab.report.page.tables import Column, Table


def contested_table(content: Content, texts: Texts) -> Table | None:
    """A row for each of the most contested images; None if there are none.

    Args:
        content: report.json's.
        texts: In its language.
    """
    items = (content["disagreement"] or {}).get("contested") or []
    if not items:
        return None
    names = {configuration["id"]: configuration["name"] for configuration in content["configurations"]}

    def of_extreme(image: dict[str, Any], choose: Callable[..., Any]) -> Cell:
        if not image["answers"]:
            return Cell("–")
        if len({answer["share_correct"] for answer in image["answers"]}) == 1:
            return Cell(texts("cell.all_equal"))
        extreme = choose(answer["share_correct"] for answer in image["answers"])
        found = [names[each["configuration"]] for each in image["answers"] if each["share_correct"] == extreme]
        listed = found[0] if len(found) == 1 else texts("sentence.more_names", names=found[0], n=len(found) - 1)
        return Cell(texts("cell.share", name=listed, share=f"{100 * extreme:.0f}"), kind="name")

    columns = [
        Column(texts("column.image"), True, lambda image: number(image["index"], "{:.0f}".format)),
        Column(texts("column.label"), False, lambda image: Cell(str(image["label"]))),
        Column(texts("column.right"), True, lambda image: number(image["share_correct"], lambda x: f"{100 * x:.0f}")),
        Column(texts("column.most"), False, lambda image: of_extreme(image, max)),
        Column(texts("column.least"), False, lambda image: of_extreme(image, min)),
    ]
    return Table("table-contested", texts("table.contested"), columns, items)
