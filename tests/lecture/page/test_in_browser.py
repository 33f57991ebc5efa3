"""The lecture's page in a real Chromium: opened from a file, in both languages, on a desktop, a phone and paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnlab.lecture.page import render
from tests.browser import chromium, console, look, requests, wait_for

pytestmark = pytest.mark.slow

STEPS, SCALES, DESCENT = "planted_depth-steps", "planted_depth-scales", "planted_depth-descent"
SIDEWAYS = "return [document.documentElement.scrollWidth, window.innerWidth]"
LABEL = """
    const labels = document.querySelectorAll(`#${arguments[0]} .frame:not([hidden]) .frame-label`);
    return Array.from(labels, (label) => label.textContent.trim());
"""
SET = """
    const input = document.querySelector(arguments[0]);
    input.value = arguments[1];
    input.dispatchEvent(new Event('input', {bubbles: true}));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def url(content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render(content), encoding="utf-8")
    return Path(path).as_uri()


def open_at(browser: Any, url: str, width: int = 1280, scheme: str = "light") -> None:
    look(browser, "about:blank", width, scheme)  # another hash alone would not load the page again
    look(browser, url, width, scheme)


def hash_of(browser: Any) -> str:
    return browser.execute_script("return location.hash")


def seen(browser: Any, selector: str) -> str:
    return " ".join(browser.find_element("css selector", selector).text.split())


def test_the_page_opens_from_a_file_and_asks_for_nothing(browser: Any, url: str):
    open_at(browser, url)
    assert browser.title == "A CNN lecture, measured"
    assert requests(browser) == [url]
    assert console(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Any, url: str, language: str, scheme: str):
    open_at(browser, f"{url}#lang={language}", 390, scheme)
    assert browser.execute_script(SIDEWAYS) == [390, 390]  # a phone widens its window to what does not fit
    assert console(browser) == []


def test_the_button_and_the_link_switch_the_language(browser: Any, url: str):
    open_at(browser, url)
    assert "supported" in seen(browser, "#claim-planted_supported .chip")
    browser.find_element("id", "language").click()
    assert seen(browser, "#claim-planted_supported .chip") == "✓ 지지됨"
    assert browser.title == "CNN 강의, 직접 측정하다"
    wait_for(lambda: hash_of(browser) == "#lang=ko")
    browser.refresh()
    assert seen(browser, "h1") == "CNN 강의, 직접 측정하다"
    open_at(browser, f"{url}?lang=ko")
    assert seen(browser, "h1") == "CNN 강의, 직접 측정하다"


def test_a_verdict_in_the_contents_leads_to_its_claim(browser: Any, url: str):
    open_at(browser, url)
    browser.find_element("css selector", '.contents a[href="#claim-planted_depends"]').click()
    wait_for(lambda: hash_of(browser) == "#claim-planted_depends")
    top = "return document.getElementById('claim-planted_depends').getBoundingClientRect().top"
    assert 0 <= browser.execute_script(top) < 200
    open_at(browser, f"{url}#claim-planted_undecided&lang=ko")
    assert -1 <= browser.execute_script(top.replace("depends", "undecided")) < 450  # the page's end may be near


def test_sliders_are_in_the_link_and_survive_a_reload(browser: Any, url: str):
    open_at(browser, url)
    assert browser.execute_script(LABEL, SCALES) == ["σ = 0.5"]
    browser.execute_script(SET, f"#{SCALES} input", "3")
    browser.execute_script(SET, f"#{STEPS} input", "1")
    browser.execute_script(SET, f"#{DESCENT} .player input", "7")
    wait_for(lambda: f"{DESCENT}.step=7" in hash_of(browser))
    browser.refresh()
    assert browser.execute_script(LABEL, SCALES) == ["σ = 2.0"]
    assert seen(browser, f"#{STEPS} .count") == "2 / 4"
    assert seen(browser, f"#{DESCENT} .count") == "7 / 39"
    assert console(browser) == []


def test_a_link_with_nonsense_is_read_as_far_as_it_makes_sense(browser: Any, url: str):
    open_at(browser, f"{url}#nowhere&lang=xx&{SCALES}=99&{STEPS}=-5&{DESCENT}.surface=none&{DESCENT}.step=x")
    assert browser.execute_script(LABEL, SCALES) == ["σ = 2.0"]
    assert seen(browser, f"#{STEPS} .count") == "1 / 4"
    assert seen(browser, "h1") == "A CNN lecture, measured"
    assert console(browser) == []


def test_every_product_of_the_convolution_is_shown_by_keyboard(browser: Any, url: str):
    from selenium.webdriver.common.keys import Keys

    open_at(browser, url)
    assert seen(browser, f"#{STEPS} .expression") == "1·1 + 2·0 + 0·(−1) + 1·2 = 3"
    browser.find_element("css selector", f"#{STEPS} input").send_keys(Keys.ARROW_RIGHT)
    assert seen(browser, f"#{STEPS} .expression") == "2·1 + 0·0 + 1·(−1) + 3·2 = 7"
    assert len(browser.find_elements("css selector", f"#{STEPS} td.window")) == 4 + 1


def test_optimisers_are_drawn_where_their_paths_are(browser: Any, url: str):
    open_at(browser, url)
    cells = f"document.querySelectorAll('#{DESCENT} tbody .height')"
    heights = f"return Array.from({cells}, (cell) => Number(cell.textContent))"
    at_the_end = browser.execute_script(heights)
    browser.execute_script(SET, f"#{DESCENT} .player input", "0")
    at_the_start = browser.execute_script(heights)
    assert len(set(at_the_start)) == 1
    assert all(end < start for end, start in zip(at_the_end, at_the_start, strict=True))
    picture = "return document.querySelector(arguments[0] + ' canvas').toDataURL().length"
    assert browser.execute_script(picture, f"#{DESCENT}") > 5000


def test_light_and_dark_follow_the_switch(browser: Any, url: str):
    ground = "return getComputedStyle(document.body).backgroundColor"
    open_at(browser, url)
    light = browser.execute_script(ground)
    browser.find_element("id", "theme").click()
    dark = browser.execute_script(ground)
    assert light != dark
    browser.refresh()
    assert browser.execute_script(ground) == dark
    browser.find_element("id", "theme").click()
    assert browser.execute_script(ground) == light
    browser.execute_script("localStorage.clear()")
    open_at(browser, url, scheme="dark")
    assert browser.execute_script(ground) == dark


def test_a_command_is_copied(browser: Any, url: str):
    open_at(browser, url)
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": permissions})
    browser.find_element("css selector", "#planted_depth .copy").click()
    wait_for(lambda: browser.find_elements("css selector", ".copy.done"))


def test_paper_has_the_answers_in_black_on_white_without_controls(browser: Any, url: str):
    open_at(browser, url, scheme="dark")
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.find_element("css selector", "details p").is_displayed()
    controls = browser.find_elements("css selector", "button, input")
    assert [each.get_attribute("outerHTML") for each in controls if each.is_displayed()] == []
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 33, 39)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert not browser.find_element("css selector", "details p").is_displayed()
