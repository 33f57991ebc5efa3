"""Cells of tables: how numbers are written, and what sorts them."""

from cnnlab.report.page.cells import group_letters, interval, median_time, number, percent, points, probability


def test_numbers_are_written_with_their_sign_and_two_decimals():
    assert percent(0.98473).text == "98.47"
    assert points(0.00853, sign=True).text == "+0.85"
    assert points(-0.00853, sign=True).text == "−0.85"
    assert points(-0.00001, sign=True).text == points(0.00001, sign=True).text == "0.00"
    assert [probability(p).text for p in (0.00001, 0.0123, 0.5)] == ["< 0.0001", "0.0123", "0.50"]
    assert number(12345).text == "12,345"


def test_what_was_not_measured_is_a_dash_without_a_value():
    for cell in (percent(None), points(None), number(None), probability(None), interval(None), median_time([], "{:g}")):
        assert (cell.text, cell.value) == ("–", None)


def test_an_interval_follows_its_value_and_is_sorted_by_it_or_by_its_lower_bound():
    bounds = {"low": 0.9833, "high": 0.9861}
    assert interval(bounds, value=percent(0.9847)).text == "98.47 [98.33, 98.61]"
    assert interval(bounds, value=percent(0.9847)).value == 0.9847
    assert interval(bounds).value == 0.9833
    assert interval({"low": None, "high": None}, value=percent(0.9847)).text == "98.47"


def test_a_median_of_misses_is_infinite_for_the_reader_and_for_javascript():
    cell = median_time([1.0, None, None], "{:.1f}")
    assert (cell.text, cell.sort_key) == ("∞", "Infinity")
    assert median_time([1.0, 2.0, None], "{:.1f}").text == "2.0"


def test_groups_are_letters_and_go_on_after_z():
    assert [group_letters(groups).text for groups in ([], [0], [0, 25], [26, 53])] == ["–", "a", "a z", "a1 b2"]
