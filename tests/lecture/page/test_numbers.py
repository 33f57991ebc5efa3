"""Effects in words, and their intervals on a scale."""

import math

import pytest

from cnnlab.lecture.claims import Expected
from cnnlab.lecture.page.intervals import EDGE, Scale, draw_interval, scale_of, ticks
from cnnlab.lecture.page.numbers import effect_text, factor, p_text, tick_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "points", "+1.23"),
        (-0.0005, "points", "−0.05"),
        (-0.000001, "points", "0.00"),
        (0.4, "fraction", "+0.400"),
        (-1.9, "decades", "×0.0126"),
        (0.0, "decades", "×1.00"),
        (math.log10(99.96), "decades", "×100"),
        (2.5, "decades", "×316"),
        (3.7, "decades", "×5,012"),
        (-5.2, "decades", "×6.3·10⁻⁶"),
        (12.0, "decades", "×10¹²"),
        (-0.25, "nats", "−0.250"),
        (2.0, "epochs", "+2.0"),
    ],
)
def test_an_effect_has_its_sign_and_is_a_factor_if_it_is_in_decades(value: float, unit: str, text: str):
    assert effect_text(value, unit) == text


def test_a_tick_is_as_short_as_it_is_round():
    assert tick_text(0.01, "points") == "+1"
    assert tick_text(-0.5, "nats") == "−0.5"
    assert tick_text(0, "epochs") == "0"
    assert tick_text(-2, "decades") == "×0.01"
    assert tick_text(1, "decades") == "×10"


def test_a_mantissa_that_rounds_up_to_ten_becomes_the_next_power():
    assert factor(4.9999) == "×10⁵"


def test_p_values_are_short():
    assert p_text(0.0004) == "p < 0.001"
    assert p_text(0.0123) == "p = 0.012"
    assert p_text(1.0) == "p = 1"


def test_a_scale_has_zero_the_margin_and_every_interval():
    scale = scale_of([(0.2, 0.4), (-0.1, 0.3)], 0.15)
    assert scale == Scale(-0.15, 0.4)
    assert scale(-0.15) == f"{100 * EDGE:.2f}%"
    assert scale(0.4) == f"{100 - 100 * EDGE:.2f}%"


def test_an_effect_that_is_exactly_zero_has_a_scale():
    scale = scale_of([(0.0, 0.0)], 0.0)
    assert scale(0) == "50.00%"
    assert "interval" in draw_interval(0, 0, 0, 0, Expected.GREATER, scale)


@pytest.mark.parametrize(("low", "high"), [(-0.3, 0.5), (-5.3, 0.1), (-0.0001, 0.0021), (0, 700), (-0.02, 0.03)])
@pytest.mark.parametrize("unit", ["points", "decades", "fraction"])
def test_an_axis_has_few_different_ticks_and_zero_is_among_them(low: float, high: float, unit: str):
    found = ticks(Scale(low, high), unit)
    assert 0 in found
    assert 2 <= len(found) <= 6
    assert all(low <= tick <= high for tick in found)
