"""What a page leaves out, it says, with how many there are and where all of them are."""

import pytest

from cnnlab.report.messages import Texts
from cnnlab.report.page import sections
from cnnlab.report.page.figures import cuts as module
from cnnlab.report.page.figures.cuts import cuts
from cnnlab.report.page.summary import summary_of
from tests.report.page import contents


def captions(name: str, content: dict) -> str:
    return " ".join(sections._captions(name, content, Texts("en")))


@pytest.mark.parametrize("name", ["dot_plot", "comparisons", "curves_by_epoch", "targets_by_second"])
def test_a_figure_of_too_many_configurations_says_how_many(name: str):
    few, many = contents.sweep(["adam", "sgd"], 2), contents.sweep([f"c{index}" for index in range(47)], 2)
    assert "The figure shows" not in captions(name, few)
    limit = 24 if "curves" in name or "targets" in name else 40
    said = f"The figure shows the first {limit} of 47 configurations in the list's order; all are in report.json."
    assert said in captions(name, many)


def test_a_heat_map_says_which_rows_and_columns_it_leaves_out():
    content = contents.sweep(["adam", "sgd"], 2)
    content["heat_map"] = {"rows": "a", "columns": "b", "row_values": [*range(50)], "column_values": [*range(41)]}
    text = captions("heat_map", content)
    assert "first 40 of 50 rows" in text
    assert "first 40 of 41 columns" in text


def test_shares_and_lines_that_are_left_out_are_counted():
    content = contents.sweep(["adam", "sgd"], 2)
    content["effects"] = {"factors": [{"name": str(index), "share": 0.02} for index in range(30)]}
    content["sensitivity"] = {"name": "optimizer.lr", "lines": [{}] * 25}
    assert "first 20 of 30 shares" in captions("effects", content)
    assert "first 24 of 25 lines" in captions("sensitivity", content)
    content["varied"] = [str(index) for index in range(9)]
    assert "first 8 of 9 varied values" in captions("parallel", content)


def test_contested_images_are_counted():
    content = contents.sweep(["adam", "sgd"], 2)
    content["disagreement"] = {"num_contested": 345, "contested": [{}] * 12}
    assert "The 12 test images that the runs disagree on most, of 345 on which any two disagree" in captions(
        "contested", content
    )
    content["disagreement"] |= {"num_as_contested": 20}
    assert captions("contested", content).startswith("12 of the 20 test images, ties included, that the runs disagree")


def test_every_limit_of_a_figure_is_one_that_its_caption_knows():
    """A figure that gets a limit of its own must say so: its module's limits stand in `cuts`."""
    used = {name for name in vars(module) if name.startswith("MAX_")}
    assert used == {"MAX_PANELS", "MAX_ROWS", "MAX_AXES", "MAX_CONFIGURATIONS", "MAX_FACTORS"}
    assert cuts("contested", contents.sweep(["adam"], 1)) == []


def test_many_seeds_are_cut_and_counted():
    content = contents.sweep(["adam"], 2)
    content["budget"]["seeds"] = [*range(0, 400, 2)]
    (line,) = next(fact.lines for fact in summary_of(content, Texts("en")) if fact.label == "n")
    assert line.endswith("18, 20, 22 and 188 more")
