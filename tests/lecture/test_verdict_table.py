import pytest

from cnnlab.lecture.verdict_table import as_markdown, print_verdicts

CONTENT = {
    "sections": [
        {
            "is_measured": True,
            "provenance": {"budget": "default"},
            "claims": [{"name": "one", "verdict": "supported"}, {"name": "two", "verdict": "no_effect"}],
            **{
                language: {
                    "texts": {"title": title, "claims": {"one": {"words": words}, "two": {"words": "[b] `x` | y"}}}
                }
                for language, title, words in (("en", "Pooling", "Max keeps $a$"), ("ko", "풀링", "최댓값"))
            },
        },
        {
            "is_measured": False,
            "claims": [{"name": "three", "verdict": None}],
            "en": {"texts": {"title": "Loss", "claims": {"three": {"words": "It learns"}}}},
            "ko": {"texts": {"title": "손실", "claims": {"three": {"words": "배운다"}}}},
        },
    ]
}


def test_markdown_has_a_row_for_each_claim_and_each_section_once():
    assert as_markdown(CONTENT, "en").splitlines() == [
        "| Section | The lecture claims | Verdict |",
        "|---|---|---|",
        "| Pooling | Max keeps $a$ | ✓ supported |",
        "|  | [b] `x` ∣ y | ≈ no effect |",
        "| Loss | It learns | – not measured |",
    ]
    assert as_markdown(CONTENT, "ko").splitlines()[2] == "| 풀링 | 최댓값 | ✓ 지지됨 |"


def test_a_terminal_shows_the_same(capsys):
    print_verdicts(CONTENT)
    said = capsys.readouterr().out
    assert [line.strip() for line in said.splitlines() if line.strip()] == [
        "Pooling",
        "✓ supported     Max keeps a",
        "≈ no effect     [b] x | y",
        "Loss",
        "– not measured  It learns",
    ]


@pytest.mark.parametrize(("budget", "is_told"), [("default", True), ("long", False)])
def test_what_decides_more_claims_is_told(capsys, budget, is_told):
    first, second = CONTENT["sections"]
    claims = [{"name": "one", "verdict": "undecided"}, {"name": "two", "verdict": "undecided"}]
    print_verdicts({"sections": [first | {"claims": claims, "provenance": {"budget": budget}}, second]})
    told = "2 undecided with the default budget; make lecture BUDGET=long has more seeds\n"
    assert (told in capsys.readouterr().out) == is_told
