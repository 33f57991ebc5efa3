"""Spaces of tuned values, from Hydra's grammar of sweeps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy import stats

from cnnlab.errors import UserError
from cnnlab.sweep.tuning.space import Parameter, Space
from tests.conftest import REPOSITORY

LOG = "tag(log,interval(1e-4,1e-1))"
SPACES = sorted((REPOSITORY / "conf" / "optimizer_space").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LOG, "0.0001 to 0.1, logarithmic"),
        ("interval(0.0,0.5)", "0 to 0.5"),
        ("int(interval(2,8))", "2 to 8"),
        ("choice(0.5,0.9)", "0.5 or 0.9"),
        ("choice([0.9,0.99],[0.8,0.9])", "[0.9,0.99] or [0.8,0.9]"),
        ("constant,cosine", "constant or cosine"),
        ("range(1,4)", "1 or 2 or 3"),
        ("0.1", "0.1"),
    ],
)
def test_a_parameter_is_what_hydra_sweeps_over(text: str, words: str):
    assert str(Parameter.of("optimizer.lr", text)) == words


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tag(log,interval(0,1))", "a logarithmic interval begins above 0"),
        ("interval(1,1)", "an interval needs a lower and a higher end"),
        ("interval(2,1)", "an interval needs a lower and a higher end"),
        ("tag(exp,interval(1,2))", "unknown tag exp; use log"),
        ("interval(", "optimizer.lr: interval( is not a range of values"),
    ],
)
def test_what_is_no_range_is_one_line_with_the_value(text: str, reason: str):
    with pytest.raises(UserError) as refused:
        Parameter.of("optimizer.lr", text)
    assert reason in str(refused.value)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "hydra.run.dir",
        "hydra/launcher",
        "hydra/launcher@hydra.sweeper",
        "sweep.name",
        "seed",
        "resume",
        "+optimizer.lr",
        "~model",
        "a b",
        "",
    ],
)
def test_what_says_where_or_how_often_it_runs_cannot_be_tuned(name: str):
    with pytest.raises(UserError, match="cannot be tuned"):
        Parameter.of(name, "choice(1,2)")


@pytest.mark.parametrize(
    ("text", "is_numeric"),
    [
        *((LOG, True), ("choice(0.5,1e-3)", True), ("choice([0.9,0.99],[-1,2])", True), ("1,2", True)),
        *(("choice(relu,tanh)", False), ("choice([a],[b])", False), ("'../x'", False), ("choice('..','.')", False)),
    ],
)
def test_numbers_are_told_from_what_could_name_something(text: str, is_numeric: bool):
    assert Parameter.of("optimizer.x", text).has_numbers_only is is_numeric


def test_drawn_learning_rates_are_even_in_their_logarithm():
    generator, rate = np.random.default_rng(0), Parameter.of("optimizer.lr", LOG)
    drawn = [math.log10(float(rate.draw(generator))) for _ in range(2000)]
    assert stats.kstest(drawn, stats.uniform(-4, 3).cdf).pvalue > 0.01


def test_seven_even_rates_over_three_decades_are_half_a_decade_apart():
    space = Space.of({"optimizer.lr": LOG, "optimizer.momentum": "choice(0.5,0.9)"}).of_learning_rate()
    values = [point["optimizer.lr"] for point in space.even(7)]
    assert values == ["0.0001", "0.000316", "0.001", "0.00316", "0.01", "0.0316", "0.1"]


def test_a_single_rate_is_the_middle_one():
    assert Space.of({"optimizer.lr": LOG}).even(1) == [{"optimizer.lr": "0.00316"}]


def test_more_trials_begin_with_the_same_points_and_other_configurations_have_others():
    space = Space.of({"optimizer.lr": LOG})
    assert space.random(30, "adam", 1000)[:20] == space.random(20, "adam", 1000)
    assert space.random(20, "adam", 1000) != space.random(20, "sgd", 1000)
    assert space.random(20, "adam", 1000) != space.random(20, "adam", 1001)


def test_a_small_space_is_tried_as_a_whole_and_each_point_once():
    points = Space.of({"a": "choice(1,2)", "b": "choice(x,y)"}).random(20, "any", 0)
    assert sorted(map(str, points)) == sorted(str({"a": a, "b": b}) for a in "12" for b in "xy")


@given(st.floats(1e-6, 1.0), st.floats(1.5, 1e6), st.floats(0, 1), st.booleans())
def test_a_value_is_in_its_interval_and_where_it_was_taken(low: float, ratio: float, position: float, is_log: bool):
    text = f"interval({low!r},{low * ratio!r})"
    parameter = Parameter.of("x", f"tag(log,{text})" if is_log else text)
    value = parameter.at(position)
    assert parameter.low * 0.99 <= float(value) <= parameter.high * 1.01
    spacing = 0.006 / math.log(ratio) if is_log else 0.006 * ratio / (ratio - 1)  # three digits
    assert parameter.position(value) == pytest.approx(position, abs=spacing)


def test_integers_are_integers_within_both_ends():
    parameter = Parameter.of("model.depth", "int(interval(2,8))")
    drawn = {parameter.draw(np.random.default_rng(seed)) for seed in range(200)}
    assert drawn == {str(number) for number in range(2, 9)}


def test_the_edge_is_the_outer_twentieth_of_an_interval_and_a_list_has_none():
    space = Space.of({"optimizer.lr": LOG, "optimizer.momentum": "choice(0.5,0.9)"})
    for rate, is_edge in (("0.0001", True), ("0.00014", True), ("0.00015", False), ("0.07", False), ("0.08", True)):
        assert space.at_edge({"optimizer.lr": rate, "optimizer.momentum": "0.5"}) == ["optimizer.lr"] * is_edge


def test_the_examples_have_each_end_and_each_listed_value():
    examples = Space.of({"optimizer.lr": LOG, "b": "choice(x,y,z)"}).examples()
    assert {example["optimizer.lr"] for example in examples} == {"0.0001", "0.1"}
    assert {example["b"] for example in examples} == set("xyz")


def test_every_optimiser_has_a_space_with_a_learning_rate_over_three_decades():
    options = {path.stem for path in (REPOSITORY / "conf" / "optimizer").glob("*.yaml")}
    assert {path.stem for path in SPACES} == options
    for path in SPACES:
        rate = Parameter.of("optimizer.lr", OmegaConf.load(path).lr)
        assert rate.is_log
        assert rate.high / rate.low == pytest.approx(1000)


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_the_defaults_learning_rate_is_within_its_space(path):
    rate = Parameter.of("optimizer.lr", OmegaConf.load(path).lr)
    default = OmegaConf.load(REPOSITORY / "conf" / "optimizer" / path.name).lr
    assert 0 < rate.position(str(default)) < 1
