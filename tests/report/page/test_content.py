"""What the page reads from report.json's content."""

import math

from hypothesis import given
from hypothesis import strategies as st

from cnnlab.report.page.content import cleaned, display_width, median_with_misses, short_names, shortened, split_shown
from tests.report.page.contents import HOSTILE, sweep


@given(st.text())
def test_a_cleaned_text_can_be_encoded_and_holds_no_control_character(text: str):
    result = cleaned(text)
    result.encode()
    assert len(result) == len(text)
    assert not any(ord(character) < 32 for character in result)
    assert cleaned(result) == result


def test_cleaning_reaches_names_and_nested_values_and_turns_infinity_into_nothing():
    value = {"a\x00": [1.5, math.inf, {"b": (math.nan, True, None, 3, "\ud800")}]}
    assert cleaned(value) == {"a�": [1.5, None, {"b": [None, True, None, 3, "�"]}]}


def test_a_text_cannot_turn_the_direction_of_what_follows():
    assert cleaned("a\u202eb\u2067c") == "a�b�c"


@given(st.text(), st.integers(8, 40))
def test_a_shortened_text_fits(text: str, width: int):
    assert display_width(shortened(text, width)) <= width


def test_a_shortened_text_keeps_its_beginning_and_its_end():
    assert shortened("a" * 50 + "b" * 50, 10) == "aaaaaa…bbb"
    assert shortened("한국어한국어한국어", 9) == "한국…국어"


def test_short_names_differ_even_where_only_the_middle_of_long_names_does():
    content = sweep([f"{'a' * 100}{index}{'b' * 100}" for index in range(5)], 2)
    names = short_names(content, 20)
    assert len(set(names.values())) == 5
    assert all(display_width(name) <= 20 for name in names.values())


def test_a_miss_is_infinite_in_a_median():
    assert median_with_misses([3.0, None, 1.0]) == 3.0
    assert median_with_misses([3.0, None, None]) is None
    assert median_with_misses([3.0, None]) is None
    assert median_with_misses([1.0, 2.0]) == 1.5
    assert median_with_misses([]) is None


def test_the_test_images_are_shown_if_they_were_classified_else_validation():
    assert split_shown(sweep()) == "test"
    assert split_shown(sweep(splits=("val",))) == "val"
    assert split_shown(sweep(splits=())) is None


def test_hostile_names_are_not_lost():
    names = short_names(sweep(list(HOSTILE), 2))
    assert len(set(names.values())) == len(HOSTILE)
