"""A headless Chromium for tests that look at a page as a reader does; they skip where none is installed.

Also the server of such a page: TensorBoard's.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

# --no-sandbox: as root, Chromium has none; a small /dev/shm is usual in containers
T = TypeVar("T")
PATIENCE_S = 120  # on a machine that does other things, too
TEXTS = """
    const found = [];
    (function walk(root, selector) {
        for (const element of root.querySelectorAll('*')) {
            if (element.matches(selector)) found.push(element.innerText);
            if (element.shadowRoot) walk(element.shadowRoot, selector);
        }
    })(document, arguments[0]);
    return found;
"""
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@contextmanager
def chromium() -> Iterator[Any]:
    """A selenium driver, closed at the end; without Chromium, its driver or selenium the test skips."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium, which make install-dev installs")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("needs a Chromium and its driver: Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: Any, url: str, width: int = 1280, scheme: str = "light") -> None:
    """Opens a page in a window of a width in CSS pixels, in a light or dark colour scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}  # a click does not wait for scrolling
    features = [{"name": name, "value": value} for name, value in media.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get(url)


def console(driver: Any) -> list[str]:
    """What the page has written to the console since it was opened, its errors among it."""
    return [entry["message"] for entry in driver.get_log("browser")]


def errors(driver: Any) -> list[str]:
    """The errors among it."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def texts(driver: Any, selector: str) -> list[str]:
    """What a page's elements say, those in shadow trees included, each on one line.

    Args:
        driver: With the page.
        selector: Of CSS.
    """
    return [" ".join(text.split()) for text in driver.execute_script(TEXTS, selector)]


def requests(driver: Any) -> list[str]:
    """The addresses that the page has asked for since it was opened, without `data:`."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


def wait_for(find: Callable[[], T]) -> T:
    """What a function finds, as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := find()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """A real TensorBoard server over a folder, on loopback: its address."""
    options = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    command = [sys.executable, "-m", "tensorboard.main", *options]
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as server:

        def address() -> str:
            text = Path(log.name).read_text()
            assert server.poll() is None, text
            return text.partition("http://127.0.0.1:")[2].partition("/")[0]

        try:
            yield f"http://127.0.0.1:{wait_for(address)}"
        finally:
            server.terminate()
