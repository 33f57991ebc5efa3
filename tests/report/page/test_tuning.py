"""The tuning on the page: its table, its figures, and the section that is not there without it."""

import pytest

from cnnlab.report.messages import LANGUAGES, Texts
from cnnlab.report.page import render
from cnnlab.report.page.figures import FIGURES, inline_svg
from cnnlab.report.page.figures.style import NARROW_INCHES, ORANGE, WIDE_INCHES
from cnnlab.report.page.figures.tuning import drawn_name
from cnnlab.report.page.sections import _captions
from cnnlab.report.page.tuning import tuning_table
from tests.report.page import contents
from tests.report.page.test_figures import texts_of


def test_a_row_has_what_was_chosen_from_what_and_how_well_it_did():
    table = tuning_table(contents.tuned(), Texts("en"))
    assert table is not None
    rows = [{column.head: cell.text for column, cell in row} for row in table.rows()]
    assert [row["configuration"] for row in rows] == ["adam", "sgd"]
    assert rows[0]["chosen"].startswith("lr=0.00")
    assert rows[0]["from"] == "lr 0.0001 to 0.1, logarithmic"
    assert (rows[0]["trials"], rows[0]["within 1 point of the best"]) == ("20", "7")
    assert [row["diverged or at chance"] for row in rows] == ["0", "3"]
    assert [row["at the edge"] for row in rows] == ["", "lr"]
    assert float(rows[0]["validation,\N{NO-BREAK SPACE}%"]) == pytest.approx(98.5, abs=0.3)


def test_without_the_number_of_classes_only_what_diverged_is_counted():
    content = contents.tuned()
    content["tuning"]["chance"] = None
    for each in content["tuning"]["configurations"]:
        each["num_at_chance"] = None
    table = tuning_table(content, Texts("en"))
    assert table is not None
    assert "diverged" in [column.head for column in table.columns]
    assert not any("chance" in note for note in table.notes)


def test_what_is_chosen_from_is_in_the_pages_language_and_may_wrap():
    content = contents.tuned(names=("adam",))
    content["tuning"]["configurations"][0]["space"]["optimizer.betas"] = "[0.9] or [0.8]"
    parameters = content["tuning"]["configurations"][0]["parameters"]
    parameters["optimizer.betas"] = {"listed": ["[0.9]", "[0.8]"]}
    table = tuning_table(content, Texts("ko"))
    assert table is not None
    cell = table.rows()[0][-1][1]
    assert (cell.text, cell.kind) == ("lr 0.0001~0.1, 로그 간격; betas [0.9] 또는 [0.8]", "wrapped")
    parameters["optimizer.betas"] = None  # of another version
    assert "[0.9] or [0.8]" in tuning_table(content, Texts("ko")).rows()[0][-1][1].text  # type: ignore[union-attr]


def test_the_edge_stands_beside_what_was_chosen():
    table = tuning_table(contents.tuned(), Texts("en"))
    assert table is not None
    assert [column.head for column in table.columns[1:3]] == ["chosen", "at the edge"]


def test_diverged_trials_are_crosses_above_the_frame_and_ranges_are_shaded():
    content = contents.tuned()
    figure = FIGURES["tuning_trials"](content)
    assert figure is not None
    crosses = [line for line in figure.axes[1].lines if line.get_marker() == "x"]
    assert [(line.get_ydata()[0] > 1, line.get_clip_on(), line.get_color()) for line in crosses] == [
        (True, False, ORANGE)
    ]
    (shaded,) = figure.axes[0].patches
    assert shaded.get_extents().width > 0
    said = Texts("en")("caption.tuning_lost"), Texts("en")("caption.tuning_ranges")
    assert all(text in _captions("tuning_trials", content, Texts("en")) for text in said)
    content = contents.tuned(names=("adam",))  # of which the last has a trial that diverged
    for each in content["tuning"]["configurations"]:
        each["trials"] = [trial for trial in each["trials"] if trial["score"] is not None]
        each["parameters"] = {}
    assert not any(text in _captions("tuning_trials", content, Texts("en")) for text in said)


def test_a_band_that_leaves_the_picture_is_said_to():
    content = contents.tuned()
    said = Texts("en")("caption.tuning_band")
    assert said in _captions("tuning_curves", content, Texts("en"))
    for each in content["tuning"]["configurations"]:
        each["curve"]["high"] = each["curve"]["mean"]
    assert said not in _captions("tuning_curves", content, Texts("en"))


@pytest.mark.parametrize("ends", [(1e-5, 10.0), (0.001, 0.1), (0.01, 0.011)])
def test_ticks_keep_away_from_those_of_the_next_panel(ends: tuple[float, float]):
    content = contents.tuned()
    for each in content["tuning"]["configurations"]:
        each["parameters"]["optimizer.lr"] |= {"low": ends[0], "high": ends[1]}
        each["trials"] = [{"values": {"optimizer.lr": f"{end:g}"}, "score": 0.9} for end in ends]
    figure = FIGURES["tuning_trials"](content)
    assert figure is not None
    ticks = figure.axes[0].get_xticks()
    assert 1 <= len(ticks) <= 3


def test_where_every_trial_diverged_the_defaults_stand():
    content = contents.tuned()
    content["tuning"]["configurations"][0] |= {"chosen": None, "score": None}
    table = tuning_table(content, Texts("en"))
    assert table is not None
    assert table.rows()[0][1][1].text == "its defaults"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_section_is_there_with_a_tuning_only(language: str):
    content = contents.tuned()
    content["language"] = language
    assert 'id="tuning"' in render(content)
    assert 'id="tuning"' not in render(contents.sweep(["adam", "sgd"], 2, language=language))


@pytest.mark.parametrize("width_inches", [WIDE_INCHES, NARROW_INCHES])
@pytest.mark.parametrize("num", [1, 2, 15, 30])
def test_the_figures_have_a_panel_for_each_configuration(num: int, width_inches: float):
    names = tuple(f"option {number}" for number in range(num))
    content = contents.tuned(names=names)
    for name in ("tuning_trials", "tuning_curves"):
        figure = FIGURES[name](content, width_inches)
        assert figure is not None
        drawn = set(texts_of(inline_svg(figure, name, "title")))
        assert set(names[:24]) <= drawn
        assert "validation error, %" in drawn


def test_an_even_grid_has_no_tuning_curve():
    content = contents.tuned("lr", num_trials=7)
    assert FIGURES["tuning_trials"](content) is not None
    assert FIGURES["tuning_curves"](content) is None


def test_trials_without_any_score_or_of_another_objective_are_not_drawn():
    content = contents.tuned()
    content["tuning"]["objective"] = "val/loss"
    assert drawn_name(content) is None
    assert FIGURES["tuning_trials"](content) is None
    content = contents.tuned()
    for each in content["tuning"]["configurations"]:
        for trial in each["trials"]:
            trial["score"] = None
    assert FIGURES["tuning_trials"](content) is None
    assert render(content)


def test_a_tuned_option_that_is_no_number_is_not_an_axis():
    content = contents.tuned(names=("adam",))
    each = content["tuning"]["configurations"][0]
    each["space"] = {"optimizer.betas": "[0.9,0.99] or [0.9,0.999]"}
    for trial in each["trials"]:
        trial["values"] = {"optimizer.betas": "[0.9,0.99]"}
    assert drawn_name(content) is None
    assert FIGURES["tuning_trials"](content) is None
