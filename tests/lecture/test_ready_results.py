"""The results that come with the repository: of the code as it is, small, and whole in a browser."""

import re

import pytest

from cnnlab.lecture.claims import Verdict
from cnnlab.lecture.content import build
from cnnlab.lecture.judge import judge
from cnnlab.lecture.store import load, sources_digest, tuning_path
from cnnlab.lecture.studies import STUDIES
from cnnlab.lecture.study import BUDGETS
from cnnlab.lecture.verdict_table import as_markdown
from tests.browser import chromium, console, look, requests
from tests.conftest import REPOSITORY
from tests.processes import start

FOLDER = REPOSITORY / "docs" / "lecture"
PAGE = FOLDER / "index.html"


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_results_are_those_of_the_code(study):
    stored = load(FOLDER, study)
    advice = f"run make lecture ONLY={study.name}, then copy outputs/lecture/{study.name}.json and index.html there"
    assert stored is not None, f"{study.name} has no results in {FOLDER}: {advice}"
    assert stored["sources"] == sources_digest(study), f"{study.name}'s are older than its code: {advice}"
    assert stored["budget"] != "quick"


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [sweep for study in STUDIES for sweep in study.sweeps])
def test_no_sweep_tunes_again(sweep: str, tmp_path):
    record = tuning_path(FOLDER, sweep)
    typed = [f"sweep={sweep}", "sweep.dry_run=true", f"hydra.sweep.dir={tmp_path / 's'}"]
    code, text = start(tmp_path / "output", *typed, *([f"tuning.record={record}"] if record.is_file() else [])).wait()
    assert code == 0, text
    assert "sweep.tune=" not in text, "there is no record of its trials, or one of other trials"
    if record.is_file():
        pattern = rf"{re.escape(str(record))} has the trials of (\d+) of (\d+) configurations"
        num, of = re.search(pattern, text).groups()
        assert num == of


def test_sections_with_four_seeds_would_have_the_same_verdicts_with_five():
    by_default = {study.name: len(study.budget(BUDGETS["default"]).seeds) for study in STUDIES}
    assert set(by_default.values()) == {4, 5}
    assert verdicts(by_default) == verdicts(dict.fromkeys(by_default, 5))


def verdicts(num_seeds: dict[str, int]) -> dict[str, Verdict]:
    """Of every claim, by the first so many seeds of each section."""
    effects: dict[str, dict[str, list[float]]] = {}
    for study in STUDIES:
        stored = load(FOLDER, study)
        assert stored is not None
        for claim, conditions in stored["effects"].items():
            effects[claim] = {name: values[: num_seeds[study.name]] for name, values in conditions.items()}
    claims = [claim for study in STUDIES for claim in study.claims]
    return {judgement.claim.name: judgement.verdict for judgement in judge(claims, effects, claims)}


def test_the_results_are_below_eight_megabytes():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 8_000_000


def test_every_claim_has_a_verdict():
    sections = build(FOLDER, None, STUDIES, draw=False)["sections"]
    assert all(claim["verdict"] for section in sections for claim in section["claims"])


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.ko.md", "ko")])
def test_the_readme_has_their_verdicts(readme, language):
    text = (REPOSITORY / readme).read_text(encoding="utf-8")
    table = text.partition("<!-- verdicts -->")[2].partition("<!-- end of verdicts -->")[0]
    advice = f"python scripts/lecture.py --table {language} --out docs/lecture prints it"
    assert table.strip() == as_markdown(build(FOLDER, None, STUDIES, draw=False), language), advice


def test_all_are_of_one_budget_which_the_page_states():
    (budget,) = {load(FOLDER, study)["budget"] for study in STUDIES}
    assert f" with the budget {budget}; measured in " in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_opens_without_an_error_and_asks_for_nothing():
    with chromium() as browser:
        look(browser, PAGE.as_uri())
        assert len(browser.find_elements("css selector", "section h2")) >= len(STUDIES)
        assert console(browser) == []
        assert requests(browser) == [PAGE.as_uri()]
