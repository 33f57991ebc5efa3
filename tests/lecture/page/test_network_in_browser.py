"""The live network in a real Chromium: drawn into, moved through its epochs, looked into, in both languages."""

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from cnnlab.lecture.page.network_weights import TEXTS, variant
from cnnlab.lecture.texts import in_language
from tests.browser import chromium, console, look, requests, texts, wait_for
from tests.lecture.page.networks import DATA, PAGE, digits, from_float24, learned, networks, normalised, outputs_of

pytestmark = pytest.mark.slow

STATE = """
const values = new Map(new URLSearchParams(location.hash.slice(1)));
window.lecture = {
  language: values.get("lang") ?? "en",
  state: {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => { if (value === null) values.delete(key); else values.set(key, value); },
  },
};
window.link = () => Object.fromEntries(values);
"""
OUTPUTS = """return lectureNetwork.model.outputs.map(({ values }) => Array.from(values))
    .concat([lectureNetwork.model.probabilities])"""
SEVEN = [(0.25, 0.22), (0.72, 0.22), (0.45, 0.8)]
ONE = [(0.5, 0.15), (0.5, 0.85)]
LAYERS = ["relu", "sigmoid", "avg", "strided", "cnn", "mlp"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    network = learned()
    weights = network.state_dict()
    untrained = networks()["relu"].state_dict()
    folder = tmp_path_factory.mktemp("page")
    of_epochs = {epoch: weights if epoch else untrained for epoch in (0, 1, 40)}
    variants = [variant("lecture", network, DATA, of_epochs, folder, is_first=True)]
    variants += [variant(name, networks()[name], DATA, {9: networks()[name].state_dict()}, folder, is_first=False)
                 for name in LAYERS]  # fmt: skip
    images, labels = digits()
    words = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    accuracies = {"watched": "test", "accuracies": {"1": 0.9, "40": 0.9911}}
    content = {
        "variants": [each | accuracies for each in variants],
        "digits": [
            {"label": int(label), "pixels": base64.b64encode(image.tobytes()).decode()}
            for image, label in zip(images, labels, strict=True)
        ],
        "texts": {language: in_language(words, language) for language in ("en", "ko")},
    }
    scripts = [STATE, *(path.read_text(encoding="utf-8") for path in sorted((PAGE / "scripts").glob("network-*.js")))]
    style = (PAGE / "styles" / "network.css").read_text(encoding="utf-8")
    path = folder / "index.html"
    path.write_text(
        f"<!doctype html><html><head><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>network</title><link rel='icon' href='data:,'>"
        f"<style>:root {{ color-scheme: light dark }} {style}</style>"
        f"</head><body><div class='network' id='network'></div><script type='application/json' id='network-data'>"
        f"{json.dumps(content)}</script>{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>",
        encoding="utf-8",
    )
    return path.as_uri()


def show(browser: Any, page: str, link: str = "", width: int = 1280, scheme: str = "light") -> None:
    look(browser, "about:blank")
    look(browser, f"{page}#{link}", width, scheme)


def draw(browser: Any, points: list[tuple[float, float]]) -> None:
    """A stroke of the mouse over the drawing area, in shares of its width."""
    pad = browser.find_element("css selector", ".network-pad")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", pad)
    kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
        place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "button": "left", "buttons": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "clickCount": 1, **place})


def click(browser: Any, selector: str, x: float = 0.5, y: float = 0.5) -> None:
    element = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", element)
    place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **place})


def says(browser: Any, text: str) -> None:
    wait_for(lambda: text in texts(browser, ".network-verdict")[0])


def press(browser: Any, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", event | ({"text": "\r"} if key == "Enter" else {}))


KEYS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Home": 36}


@pytest.mark.parametrize("name", ["lecture", *LAYERS])
def test_all_maps_and_probabilities_are_those_of_torch(browser: Any, page: str, name: str):
    network = learned() if name == "lecture" else networks()[name]
    numbers = nn.utils.parameters_to_vector(network.parameters()).detach()
    for digit in (4, 11):
        show(browser, page, f"variant={name}&digit={digit}")
        found = browser.execute_script(OUTPUTS)
        with torch.no_grad():
            image = normalised(digits()[0][[digit]])
            expected = [*outputs_of(network, image), network(image).softmax(1)]
        assert len(found) == len(expected)
        for values, exact in zip(found[:-1], expected[:-1], strict=True):
            scale = max(1, exact.abs().max().item())  # the weights are rounded, too
            assert np.array(values) == pytest.approx(exact.flatten().numpy(), abs=1e-4 * scale)
        assert found[-1] == pytest.approx(expected[-1][0].numpy(), abs=1e-4)
    assert len(numbers) == browser.execute_script("return lectureNetwork.model.weights.length")
    assert console(browser) == []


def test_a_drawn_digit_is_recognised_undone_and_cleared(browser: Any, page: str):
    show(browser, page)
    draw(browser, SEVEN)
    says(browser, "The network says 7")
    assert "digit" not in wait_for(lambda: browser.execute_script("return 'epoch' in link() && link()"))
    click(browser, "[data-action=clear]")
    draw(browser, ONE)
    says(browser, "The network says 1")
    draw(browser, [(0.1, 0.1), (0.9, 0.9)])
    wait_for(lambda: browser.execute_script("return lectureNetwork.model.strokes.length") == 2)
    click(browser, "[data-action=undo]")
    wait_for(lambda: browser.execute_script("return lectureNetwork.model.strokes.length") == 1)
    says(browser, "The network says 1")
    assert console(browser) == []
    assert [url.partition("#")[0] for url in requests(browser)] == [page]


def test_a_small_digit_in_a_corner_is_seen_there_or_centred(browser: Any, page: str):
    show(browser, page)
    draw(browser, [(0.05 + 0.25 * x, 0.05 + 0.25 * y) for x, y in SEVEN])
    says(browser, "The network says 7")
    ink = "return [...lectureNetwork.model.pixels].reduce((sum, each, at) => sum + (at % 28 > 9 ? each : 0), 0)"
    assert browser.execute_script(ink) > 0
    click(browser, ".network-check input")
    wait_for(lambda: browser.execute_script(ink) == 0)
    browser.find_element("css selector", ".network-pad")
    touch = "return getComputedStyle(document.querySelector('.network-pad')).touchAction"
    assert browser.execute_script(touch) == "none"


def test_a_finger_draws_too(browser: Any, page: str):
    show(browser, page, width=390)
    pad = browser.find_element("css selector", ".network-pad")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    box = browser.execute_script("return arguments[0].getBoundingClientRect().toJSON()", pad)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    path = [
        (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
        for a, b in itertools.pairwise(SEVEN)
        for share in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    for at, (x, y) in enumerate(path):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if at else "touchStart"
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    says(browser, "The network says 7")
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_the_slider_goes_through_the_epochs_and_the_link_keeps_all(browser: Any, page: str):
    show(browser, page, "digit=14&epoch=40")
    says(browser, "The network says 7")
    trained = texts(browser, ".network-verdict")
    assert trained[0].endswith("right")
    slider = browser.find_element("css selector", "#network-epoch")
    slider.send_keys("\ue011")  # Home
    wait_for(lambda: slider.get_attribute("aria-valuetext") == "0: before training")
    assert texts(browser, ".network-verdict") != trained
    slider.send_keys("\ue014")  # right
    says(browser, "right")
    assert "test accuracy 90.00 %" in texts(browser, ".network-accuracy")
    browser.find_element("css selector", "[value=mlp]").click()
    link = {"digit": "14", "epoch": "9", "variant": "mlp"}
    wait_for(lambda: browser.execute_script("return link()") == link)
    assert len(browser.find_elements("css selector", ".network-stage")) == 3
    show(browser, page, "variant=mlp&digit=3")
    assert browser.execute_script("return lectureNetwork.model.variant.name") == "mlp"
    show(browser, page, "variant=none&digit=99&epoch=x")
    assert browser.execute_script("return [lectureNetwork.model.digit, lectureNetwork.model.variantIndex]") == [0, 0]
    assert console(browser) == []


def test_a_unit_is_taken_apart_by_a_click_and_by_the_keyboard(browser: Any, page: str):
    show(browser, page, "digit=2")
    click(browser, "[data-layer='0'] [data-map='3']", x=10.5 / 24, y=4.5 / 24)
    place = wait_for(lambda: texts(browser, ".network-place"))
    assert place == ["Convolution 5×5 in stage 1: map 4, row 5, column 11"]
    assert len(browser.find_elements("css selector", ".network-products td")) == 75
    value = browser.execute_script("return lectureNetwork.model.outputs[0].values[3 * 576 + 4 * 24 + 10]")
    total = texts(browser, ".network-sum dd")[-1].replace("−", "-")
    assert float(total) == pytest.approx(value, abs=6e-4)
    box = browser.find_element("css selector", ".network-enlarged[tabindex]")
    browser.execute_script("arguments[0].focus()", box)
    press(browser, "ArrowRight")
    wait_for(lambda: "row 5, column 12" in texts(browser, ".network-place")[0])
    second = "document.querySelector(\"[data-layer='3'] button\")"
    browser.execute_script(f"{second}.focus()")
    press(browser, "ArrowRight")
    press(browser, "Enter")
    wait_for(lambda: "stage 2: map 2" in texts(browser, ".network-place")[0])
    assert len(browser.find_elements("css selector", ".network-parts button")) == 10
    click(browser, "[data-part='7']")
    wait_for(lambda: browser.find_elements("css selector", "[data-part='7'][aria-pressed=true]"))
    click(browser, "[data-layer='9'] button", x=0.25)
    wait_for(lambda: "unit 3" in texts(browser, ".network-place")[0])
    assert "the probability of 2 is" in texts(browser, ".network-steps")[0]
    click(browser, "[data-action=close]")
    wait_for(lambda: not browser.find_element("css selector", ".network-unit").is_displayed())
    assert browser.execute_script("return document.activeElement.closest('[data-layer]')?.dataset.layer") == "9"
    assert console(browser) == []


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_of_every_variant_can_be_clicked(browser: Any, page: str, name: str):
    show(browser, page, f"variant={name}&digit=2")
    for layer in browser.find_elements("css selector", "[data-layer]"):
        index = layer.get_attribute("data-layer")
        browser.execute_script("arguments[0].click()", layer.find_elements("css selector", "button")[-1])
        found = f"return lectureNetwork.model.selection?.clicked.layer === {index}"
        wait_for(lambda found=found: browser.execute_script(found))
        assert browser.find_elements("css selector", ".network-steps h5")
    assert console(browser) == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_in_korean_nothing_stays_english_and_nothing_is_wider_than_the_page(
    browser: Any, page: str, width: int, scheme: str
):
    show(browser, page, "digit=2", width, scheme)
    browser.execute_script("arguments[0].click()", browser.find_element("css selector", "[data-layer='3'] button"))
    wait_for(lambda: texts(browser, ".network-place"))
    change = "document.dispatchEvent(new CustomEvent('languagechange', { detail: 'ko' }))"
    browser.execute_script(change)
    says(browser, "신경망의 답: 1")
    words = browser.execute_script("return document.getElementById('network').innerText")
    names = {*LAYERS, "MLP", "ReLU", "MNIST", "Enter"}
    assert set("".join(c if c.isascii() and c.isalpha() else " " for c in words).split()) <= names
    labels = "return [...document.querySelectorAll('[aria-label]')].map((each) => each.getAttribute('aria-label'))"
    assert all(any("가" <= c <= "힣" for c in label) for label in browser.execute_script(labels))
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert console(browser) == []


def test_the_fixture_is_what_the_lectures_network_has_learned():
    numbers = from_float24(Path(__file__).with_name("lecture.float24").read_bytes())
    assert len(numbers) == 21_840
    with torch.no_grad():
        right = learned()(normalised(digits()[0])).argmax(1).numpy() == digits()[1]
    assert right.all()
