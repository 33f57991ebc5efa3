"""The lecture's page as text: the contract with `content.build`, escaping, what a policy allows."""

from typing import Any

from cnnlab.lecture.page import render


def test_a_page_of_planted_studies_has_every_section_and_claim(page: str, content: dict[str, Any]):
    for section in content["sections"]:
        assert f'<section id="{section["name"]}"' in page
        for claim in section["claims"]:
            assert f'id="claim-{claim["name"]}"' in page


def test_a_page_of_nothing_is_a_page():
    assert "</html>" in render({"sections": []})
