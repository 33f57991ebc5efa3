"""The table of contested images."""

from typing import Any

from cnnlab.report.messages import Texts
from cnnlab.report.page.contested import contested_table
from tests.report.page import contents


def cells(shares: list[float]) -> list[str]:
    """The most and the least often right, of configurations with these shares."""
    content = contents.with_disagreement(contents.sweep(["adam", "sgd", "lion"], 2))
    image: dict[str, Any] = content["disagreement"]["contested"][0]
    image["answers"] = [{"configuration": index, "share_correct": share} for index, share in enumerate(shares)]
    table = contested_table(content, Texts("en"))
    assert table is not None
    return [cell.text.replace("\N{NO-BREAK SPACE}", " ") for _, cell in table.rows()[0][-2:]]


def test_the_most_and_the_least_often_right_are_named():
    assert cells([0.5, 1.0, 0.0]) == ["sgd (100 %)", "lion (0 %)"]


def test_no_configuration_is_both_where_all_are_equal():
    assert cells([0.5, 0.5, 0.5]) == ["all equal", "all equal"]


def test_those_that_tie_are_counted():
    assert cells([0.5, 1.0, 1.0]) == ["sgd and 1 more (100 %)", "adam (50 %)"]
