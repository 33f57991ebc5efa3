"""The report of a real sweep, trained for this test: its page in a real Chromium, and its curves in a real TensorBoard.

The other tests of the page open made-up contents; here what a sweep writes meets what a reader sees.
"""

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium, console, errors, look, requests, tensorboard, texts, wait_for
from tests.sweep.sweeps import results, sweep

pytestmark = pytest.mark.slow

OPTIMIZERS, SEEDS = ("adam", "sgd"), (0, 1)
ROWS = """return Array.from(document.querySelectorAll('#table-configurations tbody tr'),
    (row) => Array.from(row.cells, (cell) => cell.innerText.trim()))"""
FITS = "return document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a finished sweep: two optimisers, two seeds, two epochs of a few steps."""
    folder = tmp_path_factory.mktemp("real") / "sweep"
    jobs = [f"{name}={','.join(map(str, values))}" for name, values in (("optimizer", OPTIMIZERS), ("seed", SEEDS))]
    code, text = sweep(folder, *jobs, "trainer.max_epochs=2", "trainer.limit_train_batches=5")
    assert code == 0, text
    assert "; mnist_5k, 500 test images\n" in text
    assert "; mnist_5k, 500 test images\n" in text
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


def accuracy(folder: Path, optimizer: str, split: str) -> str:
    """The mean over seeds as the page has it, from the runs' own results."""
    runs = [results(folder)[f"optimizer={optimizer},seed={seed}"] for seed in SEEDS]
    return f"{100 * statistics.fmean(run['metrics'][f'{split}/acc'] for run in runs):.2f}"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_real_sweep_has_its_runs_numbers_and_sorts(browser: Any, folder: Path, width: int):
    page = (folder / "report" / "index.html").as_uri()
    look(browser, page, width)
    rows = browser.execute_script(ROWS)
    assert sorted(row[1] for row in rows) == [*OPTIMIZERS]
    for row in rows:
        cells = [cell.partition(" ")[0] for cell in row]
        assert row[2] == "2"
        assert accuracy(folder, row[1], "val") in cells
        assert accuracy(folder, row[1], "test") in cells
    heads = browser.find_elements("css selector", "#table-configurations thead button")
    name = next(head for head in heads if head.text.startswith("configuration"))
    for order in (OPTIMIZERS, reversed(OPTIMIZERS)):
        name.click()
        assert [row[1] for row in browser.execute_script(ROWS)] == [*order]
    sections = {each.get_attribute("id") for each in browser.find_elements("css selector", "section")}
    assert sections >= {"configurations", "comparisons", "curves", "disagreement", "provenance"}
    assert browser.execute_script(FITS)
    assert "mnist_5k" in browser.find_element("css selector", ".facts").text
    assert console(browser) == []
    assert requests(browser) == [page]


def test_the_page_and_report_json_hold_the_fingerprints_of_the_runs(folder: Path):
    content = json.loads((folder / "report" / "report.json").read_text())
    page = (folder / "report" / "index.html").read_text()
    listed = [one for each in content["provenance"]["fingerprints"] for one in each["by_seed"].values()]
    assert sorted(listed) == sorted(result["fingerprint"] for result in results(folder).values())
    assert all(fingerprint in page for fingerprint in listed)


def test_the_curves_of_a_real_sweep_are_in_tensorboard(browser: Any, folder: Path):
    with tensorboard(folder / "report" / "tensorboard") as url:
        look(browser, f"{url}/#timeseries")
        rows = wait_for(lambda: texts(browser, "runs-data-table tb-data-table-content-row"))
        assert rows == [*OPTIMIZERS]
        wait_for(lambda: len(texts(browser, "card-view .tag")) == 4)
        assert texts(browser, "card-view .tag") == ["train /acc", "train /loss", "val /acc", "val /loss"]
        look(browser, f"{url}/#hparams")
        wait_for(lambda: "sgd" in texts(browser, ".table-cell"))
        found = results(folder)
        losses = [found[f"optimizer=adam,seed={seed}"]["metrics"]["test/loss"] for seed in SEEDS]
        shown = [text for text in texts(browser, ".table-cell") if text]
        assert any(_is_close(text, statistics.fmean(losses)) for text in shown)
        assert errors(browser) == []


def _is_close(text: str, number: float) -> bool:
    try:
        return abs(float(text) - number) < 1e-4
    except ValueError:
        return False
