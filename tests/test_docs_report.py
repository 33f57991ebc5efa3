"""The sample report in docs/: small enough for a repository, and whole in a browser."""

import pytest

from tests.browser import chromium, console, look, requests
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "report" / "index.html"


def test_the_sample_report_is_below_two_megabytes():
    assert PAGE.stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_sample_report_opens_without_an_error_and_asks_for_nothing():
    with chromium() as browser:
        look(browser, PAGE.as_uri())
        heads = browser.find_elements("css selector", "section h2")
        assert len(heads) > 5
        assert browser.find_elements("css selector", "#table-configurations tbody tr")
        assert console(browser) == []
        assert requests(browser) == [PAGE.as_uri()]
