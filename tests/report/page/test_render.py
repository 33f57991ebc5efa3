"""The page as HTML: what stands on it and what does not."""

import copy
import json
import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from cnnlab.report.messages import Texts
from cnnlab.report.page import render
from cnnlab.report.page.figures.style import VARIABLES
from cnnlab.report.page.render import TEMPLATES, embedded
from cnnlab.report.page.summary import duration, ranges
from tests.report.page import contents


class Page(HTMLParser):
    """The parts of a page that the tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._skipped = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._skipped = tag if tag in ("script", "style") else ""
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._skipped = ""

    def handle_data(self, data: str) -> None:
        self.text += "" if self._skipped else data + " "


@cache
def big() -> tuple[dict[str, Any], str]:
    content = contents.with_disagreement(contents.with_divergence(contents.sweep()))
    return content, render(copy.deepcopy(content))


@cache
def small(language: str = "en") -> str:
    return render(contents.sweep(["adam", "sgd"], 2, language=language))


def test_a_page_of_14_by_5_runs_is_small_and_asks_for_nothing():
    _, html = big()
    assert len(html.encode()) < 2_000_000
    page = Page(html)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/(2000/svg|1999/xlink))", html)
    assert not {"iframe", "object", "embed", "form", "img"} & set(page.tags)


def test_the_top_says_what_was_compared_on_what_at_what_cost_and_what_came_out():
    content, html = big()
    text = Page(html).text
    top = text[: text.index(" accuracy, % ")]
    for part in (
        "14 configurations that differ in optimizer",
        "70 runs: 64 completed, 5 diverged, 1 failed; 1 folder was left out",
        "0–5 completed runs of each configuration; seeds 0–4",
        "mnist: 55,000 training, 5,000 validation and 10,000 test images",
        "5 epochs per run; 43 min of training",
        "78 comparisons, family-wise error 5 % (Holm); equivalent within 0.1 points",
        "Compares defaults, not methods.",
        *content["headline"],
    ):
        assert part in top


def test_the_list_says_that_validation_orders_it_and_the_test_set_does_not():
    assert (
        "Ordered by mean validation accuracy, best first. The test set plays no part in the order."
        in Page(small()).text
    )
    unvalidated = Page(render(contents.sweep(["adam", "sgd"], 2, splits=("test",)))).text
    assert "Ordered by name, since nothing was validated." in unvalidated


def test_a_mean_over_survivors_is_marked_and_nothing_is_bold():
    content, html = big()
    text = Page(html).text
    mean = 100 * content["configurations"][-2]["test"]["mean"]
    assert f"† {mean:.2f} [" in text
    assert "mean over survivors only" in text
    assert not {"b", "strong", "mark"} & set(Page(html).tags)


def test_verdicts_are_words_and_signs():
    text = Page(big()[1]).text
    assert "+ better" in text
    assert "? undecided" in text
    assert "Undecided is not equal." in text


@pytest.mark.parametrize(
    ("content", "sections"),
    [
        (contents.sweep([], 1), set()),
        (contents.sweep(["adam"], 1, splits=()), {"configurations"}),
        (contents.sweep(["adam"], 1), {"configurations", "curves", "targets"}),
        (contents.sweep(["adam", "sgd"], 1, splits=("val",)), {"configurations", "curves", "targets"}),
        (contents.sweep(["adam", "sgd"], 2, splits=("test",)), {"configurations", "comparisons"}),
    ],
)
def test_a_section_without_data_is_left_out(content: dict[str, Any], sections: set[str]):
    content["comparisons"] = content["comparisons"] if content["budget"]["seeds"] == [0, 1] else []
    ids = set(Page(render(content)).ids)
    every = {"configurations", "comparisons", "curves", "targets", "sensitivity", "grid", "effects", "disagreement"}
    assert ids & every == sections
    assert "provenance" in ids


def test_mnist_5k_is_shown_as_what_it_is():
    content = contents.sweep(["adam"], 1, splits=())
    content["data"] = [{"name": "mnist_5k", "train": 4000, "val": 500, "test": 500, "sha256": "cd"}]
    assert "mnist_5k: 4,000 training, 500 validation and 500 test images" in Page(render(content)).text


def test_the_second_stage_and_a_missing_margin_are_said():
    content = contents.sweep(["adam", "sgd"], 2, splits=("test",))
    content["settings"] |= {"stage": 2, "margin": None, "baseline": "sgd"}
    text = Page(render(content)).text
    assert "second stage" in text
    assert "against sgd; equivalence was not tested, since no margin was given" in text


def test_a_korean_page_is_korean():
    html = small("ko")
    assert '<html lang="ko">' in html
    text = Page(html).text
    assert "스윕 보고서" in text
    for word in ("Compared", "Learning curves", "Filter", "To reproduce", "Provenance"):
        assert word not in text


def test_targets_that_no_run_reached_are_named_and_have_no_row():
    content = contents.sweep(["adam", "sgd"], 2)
    for configuration in content["configurations"]:
        configuration["targets"] = [{"accuracy": 0.99, "epochs": [None, None], "seconds": [None, None]}]
    page = Page(render(content))
    assert "No run reached 99 %." in page.text
    assert "table-targets" not in page.ids
    configuration["targets"].append({"accuracy": 0.97, "epochs": [1, None], "seconds": [2.5, None]})
    page = Page(render(content))
    assert "No run reached 99 %." in page.text
    assert "1 of 2 ∞ ∞" in page.text


def test_the_budget_has_the_tuning_beside_the_training():
    text = Page(render(contents.tuned())).text
    assert "5 epochs per run; 4 min of training, and 21 min for tuning" in text


def test_intervals_are_said_to_be_uncorrected_where_verdicts_are_corrected():
    said = "corrected for all 78 comparisons, so an interval may exclude 0 where the verdict is “undecided”"
    assert Page(big()[1]).text.count(said) == 2  # at the verdicts in words and at the table
    assert "an interval may exclude 0" not in Page(small()).text  # of one comparison


def test_a_single_comparison_is_counted_as_what_it_is():
    content = contents.sweep(["adam", "sgd"], 2)
    content["comparisons"][0]["verdict"] = "better"
    text = Page(render(content)).text
    assert "The only comparison: better. Correlation" in text
    content["comparisons"][0]["verdict"] = "undecided"
    assert "The only comparison: undecided. Undecided is not equal." in Page(render(content)).text


def test_seconds_have_a_caveat_wherever_they_are_shown():
    text = Page(small()).text
    assert text.count("Seconds: wall-clock time, not corrected") == 4  # two figures, two tables
    untimed = contents.sweep(["adam", "sgd"], 2, splits=("test",))
    for configuration in untimed["configurations"]:
        configuration["fit_s"] = None
    assert "wall-clock" not in Page(render(untimed)).text


def test_a_comparisons_row_is_named_by_both_in_one_cell_and_each_is_isolated():
    html = small()
    assert "<bdi>adam</bdi> vs <bdi>sgd</bdi></div></th>" in html
    assert 'class="row-head"><button type="button">first vs second<' in html
    names = ["<b>{0}", "long " * 60]
    html = render(contents.sweep(names, 2, [{"n": name} for name in names], splits=("test",)))
    assert "<bdi>&lt;b&gt;{0}</bdi> vs <bdi>long long" in html
    assert f'title="&lt;b&gt;{{0}} vs {names[1].strip()}' in html


def test_data_files_and_machines_are_named():
    content = contents.sweep(["adam", "sgd"], 2, splits=("test",))
    assert "ab12" * 16 in Page(render(content)).text
    content["data"][0]["files"] = {"t10k-images-idx3-ubyte": "0fa7"}
    content["provenance"]["machines"] = ["AMD EPYC 7B13, threads 1, kernels cnnlab"]
    text = Page(render(content)).text
    for part in ("t10k-images-idx3-ubyte: sha256 0fa7", "7B13, threads 1, kernels cnnlab"):
        assert part in text


def test_a_bracket_is_spoken_of_where_one_is_drawn():
    content = contents.sweep()
    assert "A bracket at the right" in Page(render(content)).text
    content["groups"] = [[0], [1]]
    assert "A bracket at the right" not in Page(render(content)).text


def test_a_single_epoch_is_no_curve():
    assert "figure-curves_by_epoch" not in Page(render(contents.sweep(["adam", "sgd"], 2, num_epochs=1))).ids


def test_the_verdicts_come_before_the_notes_and_numbers_are_as_they_are_typed():
    content = contents.sweep(["adam", "sgd"], 2, splits=("test",))
    content["shared"]["trainer.max_epochs"] = 5.0
    text = Page(render(content)).text
    assert text.index(content["headline"][0]) < text.index(content["notes"][0])
    assert "trainer.max_epochs=5 " in text


def test_the_embedded_content_is_report_json_and_cannot_end_its_script():
    content, html = big()
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', html, re.DOTALL)
    assert found
    assert json.loads(found.group(1)) == content
    text = embedded({"a": "</script><!--<script>&\u2028\u2029"})
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == {"a": "</script><!--<script>&\u2028\u2029"}


def test_hostile_names_become_text():
    names = list(contents.HOSTILE)
    content = contents.sweep(names, 2, [{"n": name} for name in names], splits=("test",))
    for place in ("title", "folder", "command"):
        content[place] = names[0]
    content["notes"] = content["headline"] = content["provenance"]["commands"] = names
    content["shared"] = {name: name for name in names}
    content["data"][0]["name"] = names[1]
    html = render(content)
    assert Page(html).tags.count("script") == 2
    assert "img" not in Page(html).tags
    assert "{{ 7 * 7 }}" in html
    html.encode()


def test_numbers_that_are_not_finite_do_not_break_the_page():
    content = contents.sweep(["adam", "sgd"], 2)
    content["configurations"][0]["fit_s"] = float("nan")
    content["comparisons"][0]["needed_seeds"] = float("inf")
    assert "NaN" not in render(content)


def test_at_most_a_thousand_comparisons_are_rows_those_that_differ_first():
    content = contents.sweep([f"c{index}" for index in range(47)], 2, splits=("test",))
    assert len(content["comparisons"]) == 1081
    page = Page(render(content))
    assert (
        "Pairs that differ come first. The table shows the first 1,000 of 1,081; all are in comparisons.csv."
        in page.text
    )
    table = page.text[page.text.index("Every comparison") :]
    assert table.index("? undecided") > table.index("+ better")


def test_light_and_dark_have_every_colour_with_enough_contrast():
    css = (TEMPLATES / "page.css").read_text()
    light, dark = (dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", part)) for part in css.split("@media")[:2])
    assert {VARIABLES[color]: color for color in VARIABLES}.items() <= light.items()
    assert set(light) == set(dark)
    for colors in (light, dark):
        for name in ("ink", "muted", "blue", "orange", "green", "purple", "brown"):
            for ground in ("ground", "raised", "alert") if name in ("ink", "muted") else ("ground",):
                assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)


def test_times_and_seeds_are_written_as_a_reader_says_them():
    texts = Texts("en")
    assert [duration(s, texts) for s in (3.14, 119, 1000, 12000)] == ["3.1 s", "119.0 s", "17 min", "3 h 20 min"]
    assert ranges([4, 0, 1, 2, 7, 9, 8]) == "0–2, 4, 7–9"
    assert ranges([]) == ""


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((luminance(first), luminance(second)))
    return (bright + 0.05) / (dark + 0.05)
