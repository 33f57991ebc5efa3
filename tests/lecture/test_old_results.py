"""A page from results that are older than the code that shows them."""

import pytest

from cnnlab.lecture import store
from cnnlab.lecture.claims import Claim, Expected
from cnnlab.lecture.content import build
from cnnlab.lecture.page import render
from cnnlab.lecture.study import BUDGETS, Measured, Shown, Study
from tests.lecture.page.contents import DEEP, show, write

EFFECTS = {"planted_supported": {"deep": [-1.0, -1.1, -1.2]}}


def planted(conditions=("deep",), show=show):
    claim = Claim("planted_supported", Expected.LESS, 0.1, "decades", conditions)
    return Study(DEEP, (claim,), lambda _: Measured({}, {}), show)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With a result of `planted()`, and a package whose code one may change."""
    write(tmp_path, monkeypatch)
    store.save(tmp_path / "mine", planted(), BUDGETS["default"], Measured(EFFECTS, {"scale": [1.0]}), 1.0)
    return tmp_path


def change(folder):
    (folder / "lecture" / "studies" / f"{DEEP}.py").write_text("NUMBER = 3\n")


def test_a_result_that_lacks_a_new_condition_is_none(folder):
    change(folder)
    (section,) = build(folder / "mine", None, [planted(("deep", "shallow"))])["sections"]
    assert (section["is_measured"], section["claims"][0]["verdict"]) == (False, None)


def test_a_ready_result_that_has_it_takes_its_place(folder):
    change(folder)
    study = planted(("deep", "shallow"))
    effects = {"planted_supported": {name: EFFECTS["planted_supported"]["deep"] for name in ("deep", "shallow")}}
    store.save(folder / "new", study, BUDGETS["default"], Measured(effects, {"scale": [1.0]}), 1.0)
    (section,) = build(folder / "mine", folder / "new", [study])["sections"]
    assert (section["is_measured"], section["is_ready"], section["is_old"]) == (True, True, False)


def test_old_data_that_the_code_does_not_know_are_judged_and_not_shown(folder):
    study = planted(show=lambda data, _words: Shown(figures=data["new"]))
    with pytest.raises(KeyError, match="new"):  # of today's code, that is a mistake
        build(folder / "mine", None, [study])
    change(folder)
    content = build(folder / "mine", None, [study])
    assert content["sections"][0]["is_old"]
    assert content["sections"][0]["claims"][0]["findings"]
    assert "</html>" in render(content)


def test_runs_that_diverged_are_on_the_page(folder):
    diverged = ["lecture_planted/activation=<b>,seed=3"]
    store.save(folder / "mine", planted(), BUDGETS["default"], Measured(EFFECTS, {"scale": [1.0]}), 1.0, diverged)
    page = render(build(folder / "mine", None, [planted()]))
    assert "Diverged and left out, with their seeds: lecture_planted/activation=&lt;b&gt;,seed=3" in page
