"""Texts to HTML: code, mathematics, both languages."""

import re
from xml.etree import ElementTree

import pytest

from cnnlab.lecture.page.languages import Pair, merged, message, pair_of
from cnnlab.lecture.page.markup import marked_up
from cnnlab.lecture.page.mathematics import mathml


def test_code_and_mathematics_are_marked_up_and_the_rest_is_text():
    html = marked_up("with `a<b` and $x^2$ & <i>")
    assert html.startswith("with <code>a&lt;b</code> and <math ")
    assert html.endswith("</math> &amp; &lt;i&gt;")


def test_a_dollar_sign_alone_is_one():
    assert marked_up("5 $ in all") == "5 $ in all"


def test_a_sign_is_an_operator_and_a_letter_an_identifier():
    element = mathml(r"a \pm \eta")
    assert "<mo>&#x000B1;</mo>" in element
    assert "<mi>&#x003B7;</mi>" in element


@pytest.mark.parametrize("latex", [r"\frac{1}{1+e^{-x}}", r"\sqrt{\frac{6}{n_{in}+n_{out}}}", r"a < b \text{ < & c }"])
def test_a_formula_is_mathml_with_its_latex_as_its_alternative(latex: str):
    element = ElementTree.fromstring(mathml(latex, is_block=True))
    assert element.tag == "{http://www.w3.org/1998/Math/MathML}math"
    assert element.get("display") == "block"
    assert element.get("alttext") == latex


@pytest.mark.parametrize("latex", [r"\frac{1}", r"\nosuch{a}", r"\left( a", "x^"])
def test_what_is_no_latex_is_an_error_that_says_which(latex: str):
    with pytest.raises(ValueError, match=re.escape(repr(latex))):
        mathml(latex)


def test_a_text_is_found_in_both_languages():
    texts = Pair({"claims": [{"words": "a `b`"}]}, {"claims": [{"words": "가 <"}]})
    assert pair_of(texts, "claims", 0, "words") == ("a <code>b</code>", "가 &lt;")


def test_a_message_escapes_its_values_and_takes_each_language_of_a_pair():
    assert message("made.budget", budget="<x>").en == " with the budget &lt;x&gt;"
    assert message("seeds", n=1) == ("1 seed", "시드 1개")
    nested = message(
        "provenance", created="", budget="", seconds=message("minutes", n=2), machine="", commit="", tuned=""
    )
    assert "2 min" in nested.en
    assert "2분" in nested.ko


def test_two_languages_are_merged_where_they_differ():
    en = {"label": "Ravine", "z": [[1, 2]], "names": ["SGD", "plain"]}
    ko = {"label": "골짜기", "z": [[1, 2]], "names": ["SGD", "기본"]}
    assert merged(en, ko) == {
        "label": {"en": "Ravine", "ko": "골짜기"},
        "z": [[1, 2]],
        "names": ["SGD", {"en": "plain", "ko": "기본"}],
    }
