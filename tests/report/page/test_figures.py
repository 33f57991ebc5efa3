"""The figures: what they compute, and that they can be drawn from whatever a sweep has."""

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from cnnlab.report.page.figures import FIGURES, draw_figures, inline_svg, save_png, save_svg, style
from cnnlab.report.page.figures.curves import curves_of
from cnnlab.report.page.figures.dot_plot import MAX_ROWS, lanes_of, rows_of, window
from cnnlab.report.page.figures.grids import verdict_grid
from cnnlab.report.page.figures.style import DASHES, MARKERS, SERIES, spread
from cnnlab.report.page.figures.targets import Reached, reached
from tests.report.page import contents

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg: str) -> list[str]:
    elements = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return ["".join(element.itertext()).replace("\N{NO-BREAK SPACE}", " ") for element in elements]


def svg_of(name: str, content: dict) -> str:
    figure = FIGURES[name](content)
    assert figure is not None
    return inline_svg(figure, name, "title")


def test_the_dot_plot_has_a_row_for_each_configuration_in_the_lists_order_with_its_numbers():
    content = contents.with_divergence(contents.sweep())
    rows = rows_of(content)
    assert [row.label for row in rows] == list(contents.OPTIMIZERS)
    first = content["configurations"][0]
    assert rows[0].mean == pytest.approx(100 * first["test"]["mean"])
    assert rows[0].val_mean == pytest.approx(100 * first["val"]["mean"])
    assert len(rows[0].values) == rows[0].n == 5
    assert rows[-2].survivors_only
    assert (rows[-2].n, rows[-2].num_runs) == (4, 5)
    assert rows[-1].mean is None
    texts = texts_of(svg_of("dot_plot", content))
    assert "4/5†" in texts
    assert "  no run completed" in texts
    assert "accuracy, %" in texts  # of both splits
    assert "test accuracy, %" in texts_of(svg_of("dot_plot", contents.sweep(["adam", "sgd"], 2, splits=("test",))))


def test_a_configuration_far_behind_does_not_squeeze_the_others():
    content = contents.sweep()
    content["configurations"][-1]["test"] = contents.summary([0.10, 0.11, 0.12, 0.11, 0.1])
    low, high = window(rows_of(content))
    assert 96 < low < high < 99.5
    assert "  ◂ 10.80 %" in texts_of(svg_of("dot_plot", content))


def test_the_interval_of_two_seeds_does_not_squeeze_the_others():
    content = contents.sweep(num_seeds=2)
    content["configurations"][3]["test"] |= {"low": 0.5, "high": 1.4}
    low, high = window(rows_of(content))
    assert high - low < 3


def test_brackets_that_share_rows_stand_in_different_lanes_and_single_rows_have_none():
    content = contents.sweep()
    content["groups"] = [[0, 1, 2], [2, 3], [3], [5, 7], [10, 11]]
    assert lanes_of(content, 10) == [(0, [0, 1, 2]), (1, [2, 3]), (0, [5, 7])]


def test_curves_are_of_one_split_in_the_lists_order_with_errors_that_a_logarithm_has():
    content = contents.sweep()
    content["curves"].append(content["curves"][0] | {"split": "train"})
    content["curves"][2]["median"] = [None, 0.5, 0.9, 1.0, 1.0]
    content["configurations"].reverse()
    split, curves = curves_of(content, "epochs")
    assert split == "val"
    assert [curve.label for curve in curves] == list(reversed(contents.OPTIMIZERS))
    np.testing.assert_allclose(curves[-3].median, [np.nan, 50, 10, 0.01, 0.01])


def test_a_target_that_some_runs_missed_ends_below_one():
    curve = Reached("adam", 0.97, [3.0, None, 1.0, 1.0])
    assert curve.steps(10) == ([0.0, 1.0, 3.0, 10], [0.0, 0.5, 0.75, 0.75])
    assert Reached("adam", 0.97, [None, None]).steps(10) == ([0.0, 10], [0.0, 0.0])


def test_a_target_that_no_run_reached_is_not_drawn():
    content = contents.sweep()
    for configuration in content["configurations"]:
        configuration["targets"][2] |= {"epochs": [None] * 5, "seconds": [None] * 5}
    assert {curve.accuracy for curve in reached(content, "epochs")} == {0.97, 0.985}


def test_the_matrix_has_each_verdict_twice_with_opposite_signs():
    content = contents.sweep()
    grid = verdict_grid(content)
    opposite = {"better": "worse", "worse": "better", "undecided": "undecided", "equivalent": "equivalent", None: None}
    assert all(grid[i][j] == opposite[grid[j][i]] for i in range(14) for j in range(14))
    pair = next(pair for pair in content["comparisons"] if pair["verdict"] == "better")
    assert grid[pair["first"]][pair["second"]] == "better"


@given(st.lists(st.floats(0, 1), max_size=12))
def test_labels_are_spread_in_their_order(positions: list[float]):
    moved = spread(positions, 0.05)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(np.array(moved)[order]) >= 0.05 - 1e-9).all()


def test_lines_differ_in_black_and_white_too():
    assert len(set(SERIES)) == len(set(map(str, DASHES))) == len(set(MARKERS)) == len(SERIES)


@pytest.mark.parametrize("splits", [(), ("val",), ("test",)])
@pytest.mark.parametrize(("names", "num_seeds"), [(["adam"], 1), (["adam", "sgd"], 2), ([], 1)])
def test_every_content_can_be_drawn(splits: tuple[str, ...], names: list[str], num_seeds: int):
    content = contents.sweep(names, num_seeds, splits=splits)
    figures = draw_figures(content)
    assert ("dot_plot" in figures) == bool(splits and names)
    assert ("curves_by_epoch" in figures) == bool("val" in splits and names)
    assert ("comparisons" in figures) == bool(splits and len(names) > 1)
    for name, figure in figures.items():
        inline_svg(figure, name, "title")


@pytest.mark.parametrize("width_inches", [style.WIDE_INCHES, style.NARROW_INCHES])
def test_the_figures_of_special_sweeps_show_their_numbers(width_inches: float):
    def draw(name: str, content: dict) -> Figure:
        figure = FIGURES[name](content, width_inches)
        assert figure is not None
        return figure

    def texts(name: str, content: dict) -> list[str]:
        return texts_of(inline_svg(draw(name, content), name, "title"))

    factorial = contents.factorial()
    assert {"98.60", "11.30", "optimizer", "activation", "gelu"} <= set(texts("heat_map", factorial))
    assert {"optimizer × activation", "61.0 %"} <= set(texts("effects", factorial))
    assert {"optimizer.lr", "0.0003", "nadam"} <= set(texts("sensitivity", contents.sensitivity()))
    assert {"data.batch_size", "validation, %"} <= set(texts("parallel", contents.many_axes())) or width_inches < 6
    disagreement = contents.with_disagreement(contents.sweep(["adam", "sgd"], 2))
    assert {"adam", "9", "class"} <= set(texts("per_class", disagreement))
    assert "48 % right" in texts("contested", disagreement)


def test_two_hundred_configurations_are_cut_to_what_can_be_read():
    content = contents.sweep([f"lr={index}" for index in range(200)], 1)
    assert len(rows_of(content)) == MAX_ROWS
    assert len(curves_of(content, "epochs")[1]) == 24


def test_hostile_names_are_drawn_as_they_are():
    content = contents.sweep(list(contents.HOSTILE), 2)
    texts = texts_of(svg_of("dot_plot", content))
    assert "a $x^2$ and $\\frac{1}{" in texts
    assert "한국어 이름의 최적화 방법" in texts
    assert any(text.startswith("<img src=x") for text in texts)


def test_a_figure_without_a_korean_font_draws_without_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(style, "KOREAN", ())
    style._style.cache_clear()
    try:
        figure = FIGURES["effects"](contents.factorial("ko"))
        assert figure is not None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save_png(figure, tmp_path / "effects.png")
    finally:
        style._style.cache_clear()


def test_svgs_on_one_page_share_no_id_and_refer_to_their_own():
    content = contents.sweep(contents.OPTIMIZERS[:3], 2)
    svgs = [svg_of("curves_by_epoch", content), svg_of("curves_by_second", content)]
    ids = [re.findall(r' id="([^"]+)"', svg) for svg in svgs]
    assert ids[0]
    assert len({*ids[0], *ids[1]}) == len(ids[0]) + len(ids[1])
    for svg, own in zip(svgs, ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg)) <= set(own)


def test_an_inline_svg_has_the_pages_colours_and_font_and_no_rule_for_the_whole_page():
    svg = svg_of("dot_plot", contents.sweep(["adam", "sgd"], 2))
    assert "var(--blue)" in svg
    assert "var(--ink)" in svg
    assert "#0b66a8" not in svg
    assert "DejaVu" not in svg
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert svg.startswith("<svg")
    assert 'role="img" aria-label="title"' in svg


@pytest.mark.parametrize(("num_epochs", "ticks"), [(5, [1, 2, 3, 4, 5]), (10, [*range(1, 11)]), (40, [10, 20, 30, 40])])
def test_each_epoch_has_a_tick_if_they_are_few(num_epochs: int, ticks: list[int]):
    figure = FIGURES["curves_by_epoch"](contents.sweep(["adam", "sgd"], 2, num_epochs=num_epochs))
    assert figure is not None
    low, high = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high and tick > 0] == ticks


def test_files_have_texts_as_text_and_the_same_bytes_each_time(tmp_path: Path):
    for name in ("a", "b"):
        figure = FIGURES["effects"](contents.factorial())
        assert figure is not None
        save_svg(figure, tmp_path / f"{name}.svg", "effects")
        save_png(figure, tmp_path / f"{name}.png")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert ">61.0\N{NO-BREAK SPACE}%<" in (tmp_path / "a.svg").read_text()
