"""The page in a real Chromium: opened from a file, read, sorted, filtered, on a desktop and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnlab.report.page import render
from tests.browser import chromium, console, look, requests, wait_for
from tests.report.page import contents

pytestmark = pytest.mark.slow

ROWS = """return Array.from(document.querySelectorAll('#' + arguments[0] + ' tbody tr'))
    .filter((row) => !row.hidden).map((row) => Array.from(row.cells, (cell) => cell.innerText.trim()))"""
WIDTHS = """return Array.from(document.querySelectorAll('#figure-dot_plot svg'))
    .map((svg) => svg.getBoundingClientRect().width)"""
SIDEWAYS = "return [document.documentElement.scrollWidth, window.innerWidth]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    content = contents.with_disagreement(contents.with_divergence(contents.sweep()))
    return write(tmp_path_factory.mktemp("big"), content)


def write(folder: Path, content: dict[str, Any]) -> str:
    path = folder / "index.html"
    path.write_text(render(content), encoding="utf-8")
    return path.as_uri()


def rows(browser: Any, table: str) -> list[list[str]]:
    return browser.execute_script(ROWS, table)


def head(browser: Any, table: str, text: str) -> Any:
    heads = browser.find_elements("css selector", f"#{table} thead button")
    return next(button for button in heads if button.text.startswith(text))


def assert_quiet(browser: Any, url: str) -> None:
    assert console(browser) == []
    assert requests(browser) == [url]


def test_a_report_opens_from_a_file_with_the_right_rows_and_numbers_and_asks_for_nothing(browser: Any, big: str):
    look(browser, big)
    assert browser.title == "optimizers – Sweep report"
    configurations = rows(browser, "table-configurations")
    assert len(configurations) == 14
    expected = contents.sweep()["configurations"][0]["test"]
    low, mean, high = (f"{100 * expected[key]:.2f}" for key in ("low", "mean", "high"))
    assert configurations[0][:3] == ["1", "adam", "5"]
    assert f"{mean} [{low}, {high}]" in configurations[0]
    assert len(rows(browser, "table-comparisons")) == 78
    assert len(rows(browser, "table-targets")) == 13 * 2  # no run reached the third target
    assert_quiet(browser, big)


def test_a_head_sorts_numbers_as_numbers_up_and_down_and_back_by_mouse_and_keyboard(browser: Any, big: str):
    from selenium.webdriver.common.keys import Keys

    look(browser, big)
    first = rows(browser, "table-configurations")
    button = head(browser, "table-configurations", "training")
    button.click()
    seconds = [row[-2] for row in rows(browser, "table-configurations")]
    assert seconds == [f"{37.1 + index:.1f}" for index in range(13)] + ["–"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    button.send_keys(Keys.ENTER)
    seconds = [row[-2] for row in rows(browser, "table-configurations")]
    assert seconds == [f"{37.1 + index:.1f}" for index in reversed(range(13))] + ["–"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.SPACE)
    assert rows(browser, "table-configurations") == first

    times = head(browser, "table-targets", "median, s")
    times.click()
    medians = [row[-1] for row in rows(browser, "table-targets")]
    numbers = [float("inf") if text == "∞" else float(text) for text in medians]
    assert numbers == sorted(numbers)
    assert medians[-1] == "∞"
    head(browser, "table-configurations", "configuration").click()
    names = [row[1] for row in rows(browser, "table-configurations")]
    assert names == sorted(contents.OPTIMIZERS)
    assert_quiet(browser, big)


def test_a_text_field_filters_rows_and_counts_them(browser: Any, big: str):
    look(browser, big)
    field = browser.find_element("css selector", "input[data-filters=table-comparisons]")
    field.send_keys("ADAM  undecided")
    shown = rows(browser, "table-comparisons")
    assert 0 < len(shown) < 78
    assert all("undecided" in row[1] and "adam" in row[0] for row in shown)
    count = browser.find_element("css selector", "output[for=table-comparisons]").text
    assert count == f"{len(shown)} of 78 rows"
    field.clear()
    field.send_keys('"adam" beTTer')
    assert {row[0].split(" vs ")[0] for row in rows(browser, "table-comparisons")} == {"adam"}
    field.clear()
    field.send_keys('"adam', "*")  # a quote that is not closed, and a character of regular expressions
    assert rows(browser, "table-comparisons") == []
    field.clear()
    field.send_keys("no such row")
    assert rows(browser, "table-comparisons") == []
    assert_quiet(browser, big)


def test_numbers_in_texts_are_sorted_by_size(browser: Any, tmp_path: Path):
    names = ["lr=0.1", "lr=0.03", "lr=0.004", "lr=1e-05", "lr=10"]
    url = write(tmp_path, contents.sweep(names, 2, [{"lr": name} for name in names]))
    look(browser, url)
    head(browser, "table-configurations", "configuration").click()
    assert [row[1] for row in rows(browser, "table-configurations")] == [
        "lr=1e-05",
        "lr=0.004",
        "lr=0.03",
        "lr=0.1",
        "lr=10",
    ]
    head(browser, "table-comparisons", "both").click()
    bounds = [row[-1] for row in rows(browser, "table-comparisons")]
    lows = [float(text.strip("[]").split(",")[0].replace("\N{MINUS SIGN}", "-")) for text in bounds]
    assert lows == sorted(lows)


def test_a_wide_table_says_so_and_keeps_its_rows_names_under_their_head(browser: Any, big: str):
    hints = """return Array.from(document.querySelectorAll('.hint'), (hint) => [
        hint.parentElement.querySelector('table')?.id ?? 'figure', hint.hidden])"""
    look(browser, big, 390)
    assert ["table-comparisons", False] in wait_for(
        lambda: [hint for hint in browser.execute_script(hints) if not hint[1]]
    )
    lefts = """const table = document.getElementById('table-comparisons');
        table.parentElement.scrollLeft = 300;
        return [table.querySelector('thead .row-head'), table.querySelector('tbody th')].map((cell) => {
            const { left, top } = cell.getBoundingClientRect();
            return [left, document.elementFromPoint(left + 15, top + 15).closest('th') === cell];
        })"""
    browser.execute_script("document.getElementById('table-comparisons').scrollIntoView()")
    (head_left, head_shows), (row_left, row_shows) = browser.execute_script(lefts)
    assert head_left == row_left == 16
    assert head_shows
    assert row_shows
    look(browser, big, 1280)
    assert ["table-configurations", True] in browser.execute_script(hints)


def test_the_keyboard_reaches_everything_with_a_visible_focus(browser: Any, big: str):
    from selenium.webdriver.common.keys import Keys

    look(browser, big)
    seen = []
    for _ in range(12):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        outline, name = browser.execute_script(
            "const e = document.activeElement; return [getComputedStyle(e).outlineWidth, e.tagName]"
        )
        assert outline == "3px"
        seen.append(name)
    assert {"A", "DIV", "INPUT", "BUTTON"} <= set(seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(browser: Any, big: str, scheme: str):
    look(browser, big, 390, scheme)
    assert browser.execute_script(SIDEWAYS) == [390, 390]
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(253, 253, 252)", "dark": "rgb(20, 23, 27)"}[scheme]
    wide, narrow = browser.execute_script(WIDTHS)
    assert wide == 0
    assert 300 < narrow <= 358
    assert_quiet(browser, big)


def test_hostile_names_do_nothing_and_are_read_as_they_are(browser: Any, tmp_path: Path):
    names = list(contents.HOSTILE)
    content = contents.with_disagreement(contents.sweep(names, 2, [{"n": name} for name in names]))
    content["title"] = names[0]
    content["headline"] = content["notes"] = names
    url = write(tmp_path, content)
    look(browser, url, 390)
    assert browser.execute_script("return window.pwned") is None
    assert browser.execute_script("return document.images.length") == 0
    shown = [row[1] for row in rows(browser, "table-configurations")]
    assert shown[:4] == names[:4]
    assert shown[4:6] == [names[4], names[5].strip()]
    embedded = browser.execute_script("return JSON.parse(document.getElementById('report').textContent)")
    assert [configuration["name"] for configuration in embedded["configurations"]][:6] == names[:6]
    assert browser.execute_script(SIDEWAYS) == [390, 390]
    assert_quiet(browser, url)


def test_a_korean_page_is_in_korean_and_fits_a_phone(browser: Any, tmp_path: Path):
    url = write(tmp_path, contents.sweep(contents.OPTIMIZERS[:3], 2, language="ko"))
    look(browser, url, 390)
    assert browser.execute_script("return document.documentElement.lang") == "ko"
    assert browser.find_element("css selector", "#curves h2").text == "학습 곡선"
    assert head(browser, "table-configurations", "설정")
    assert browser.execute_script(SIDEWAYS) == [390, 390]
    assert_quiet(browser, url)


def test_print_is_on_white_without_what_only_a_screen_needs_and_with_whole_tables(browser: Any, big: str):
    look(browser, big, 1280, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    ground, field = browser.execute_script(
        "return [getComputedStyle(document.body).backgroundColor,"
        " getComputedStyle(document.querySelector('.filter')).display]"
    )
    assert (ground, field) == ("rgb(253, 253, 252)", "none")
    cut = """return Array.from(document.querySelectorAll('.scroll')).filter((box) =>
        getComputedStyle(box).overflowX !== 'visible').length"""
    assert browser.execute_script(cut) == 0


def test_print_repeats_the_head_of_a_table_on_each_of_its_pages(browser: Any, big: str):
    """A browser does not repeat buttons, so the heads are texts there."""
    look(browser, big)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    shown = """const head = document.querySelector('#table-comparisons thead th');
        return [getComputedStyle(head.querySelector('button')).display, getComputedStyle(head, '::before').content,
                getComputedStyle(head.closest('thead')).display]"""
    assert browser.execute_script(shown) == ["none", '"first vs second"', "table-header-group"]
