"""The lecture's page as text: the contract with `content.build`, escaping, what its policy allows."""

import base64
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import cnnlab.lecture.page
from cnnlab.lecture.page import render

FOLDER = Path(cnnlab.lecture.page.__file__).parent


def claim_of(page: str, name: str) -> str:
    """A claim's card, as HTML."""
    return page.partition(f'id="claim-{name}"')[2].partition("</article>")[0]


def section_of(page: str, name: str) -> str:
    return page.partition(f'<section id="{name}"')[2].partition("</section>")[0]


def test_a_page_of_planted_studies_has_every_section_and_claim(page: str, content: dict[str, Any]):
    for section in content["sections"]:
        assert f'<section id="{section["name"]}"' in page
        for claim in section["claims"]:
            assert f'href="#claim-{claim["name"]}"' in page
            assert f'id="claim-{claim["name"]}"' in page


def test_a_page_of_nothing_is_a_page():
    assert "</html>" in render({"sections": []})


def test_the_same_content_gives_the_same_page(content: dict[str, Any]):
    assert render(content) == render(content)


@pytest.mark.parametrize("verdict", ["supported", "refuted", "no_effect", "depends", "undecided"])
def test_every_verdict_is_a_sign_and_words_beside_its_colour(page: str, verdict: str):
    card = claim_of(page, f"planted_{verdict}")
    chip = re.search(
        rf'<span class="chip {verdict}"><span class="sign" aria-hidden="true">(.)</span>(.*?)</span></span>', card
    )
    assert chip
    assert chip[1] in "✓✗≈◐?"
    assert 'lang="en"' in chip[2]
    assert 'lang="ko"' in chip[2]


def test_an_effect_has_the_sign_of_its_statistic_and_not_of_its_agreement_with_the_lecture(page: str):
    card = claim_of(page, "planted_supported")  # the lecture expects less: -1.9 decades
    assert "×0.0126" in card
    low, high = map(float, re.findall(r"95 % interval ×([\d.]+) to ×([\d.]+)", card)[0])
    assert low < 0.0126 < high
    assert "−1.23 points" in claim_of(page, "planted_refuted")


def test_a_claim_of_no_difference_is_refuted_beyond_its_margin_and_says_so(page: str):
    card = claim_of(page, "planted_equal")
    assert "+5.00 points" in card
    assert "expects no difference" in card
    assert 'class="chip refuted"' in card


def test_a_check_without_chance_has_no_interval_and_no_seeds(page: str):
    card = claim_of(page, "planted_exact")
    assert "does not hold" in card
    assert "성립하지 않음" in card
    assert "interval" not in card


def test_a_note_stands_where_the_texts_have_one(page: str):
    assert "<code>lr=0.1</code>" in claim_of(page, "planted_refuted")
    assert 'class="note"' not in claim_of(page, "planted_supported")


def test_a_section_says_where_its_numbers_come_from(page: str):
    own, ready, missing = (section_of(page, f"planted_{name}") for name in ("depth", "losses", "unmeasured"))
    assert "budget default · 9 min" in own
    assert "at the learning rates that the full run of 2026-11-01 03:00:00 UTC chose" in own
    assert "that the full run of" not in ready
    assert "comes with the repository" not in own
    assert "comes with the repository" in ready
    assert "older than the code" in ready
    assert "<code>make lecture ONLY=planted_unmeasured</code>" in missing
    assert "make lecture ONLY" not in own + ready


def test_texts_are_escaped(page: str):
    assert "&lt;b&gt;Deep&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "1 &lt; 2" in page  # a table's cell


def test_embedded_json_cannot_end_its_script(page: str):
    text = page.partition('id="network-data">')[2].partition("</script>")[0]
    assert json.loads(text) == {"weights": "</script>"}


def test_the_policy_allows_the_scripts_of_the_page_and_nothing_else(page: str):
    allowed = re.findall(r"'sha256-(.*?)'", page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert allowed == [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == len(list((FOLDER / "scripts").glob("*.js")))
    assert "default-src 'none'" in page
    without_scripts = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<[^>]+\son\w+=", without_scripts)
    addresses = set(re.findall(r"https?://[\w./-]+", page))
    assert addresses <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
        "http://www.w3.org/1998/Math/MathML",
    }


def test_ids_are_unique_and_what_refers_to_one_finds_it(page: str):
    ids = Counter(re.findall(r'\sid="([^"]+)"', page))
    assert [name for name, num in ids.items() if num > 1] == []
    referred = re.findall(r'(?:href="#|for="|aria-labelledby=")([^"]+)"', page)
    assert set(referred) <= ids.keys()


def test_a_picture_without_words_is_on_the_page_once(page: str):
    assert page.count("depth</text>") == page.count("깊이</text>") == 1
    assert page.count('aria-labelledby="planted_depth-plain-caption"') == 1
    assert page.count('aria-labelledby="planted_depth-curve-caption"') == 2


def test_every_text_of_the_page_is_used():
    sources = "".join(path.read_text() for path in FOLDER.rglob("*.*") if path.suffix in (".py", ".js", ".j2"))
    keys = re.findall(r"^([\w.]+):", (FOLDER / "page.yaml").read_text(), re.MULTILINE)
    families = ("verdict.", "expected.", "effect.", "margin.")  # their names end in a value
    unused = [key for key in keys if not key.startswith(families) and key not in sources]
    assert [key for key in unused if f"texts.{key.removeprefix('script.')}" not in sources] == []
