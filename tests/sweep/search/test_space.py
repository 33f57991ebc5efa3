"""The search space, from overrides."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from cnnlab.errors import UserError
from cnnlab.sweep.search import Space

PARSER = OverridesParser.create()


def space(*overrides: str) -> Space:
    return Space.of(PARSER.parse_overrides(list(overrides)))


@pytest.mark.parametrize(
    ("override", "distribution"),
    [
        ("optimizer=sgd,adam", CategoricalDistribution(["sgd", "adam"])),
        ("optimizer=choice(sgd,adam)", CategoricalDistribution(["sgd", "adam"])),
        ("data.batch_size=32,64", CategoricalDistribution([32, 64])),
        ("model.batch_norm=true,false", CategoricalDistribution([True, False])),
        ("+optimizer.betas=[0.8,0.9],[0.9,0.99]", CategoricalDistribution(["[0.8,0.9]", "[0.9,0.99]"])),
        ("model.depth=range(1,5)", IntDistribution(1, 4)),
        ("model.depth=range(1,9,3)", IntDistribution(1, 7, step=3)),
        ("model.width=tag(log,range(1,65))", IntDistribution(1, 64, log=True)),
        ("model.width=tag(log,int(interval(8,512)))", IntDistribution(8, 512, log=True)),
        ("model.dropout=range(0.1,0.45,0.1)", FloatDistribution(0.1, 0.4, step=0.1)),
        ("model.dropout=interval(0,0.5)", FloatDistribution(0.0, 0.5)),
        ("optimizer.lr=tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1.0, log=True)),
    ],
)
def test_each_way_to_sweep_is_a_distribution(override: str, distribution: object):
    (found,) = space(override).distributions.values()
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        assert isinstance(found, FloatDistribution)
        assert (found.low, found.high, found.step) == pytest.approx((0.1, 0.4, 0.1))  # Hydra's end is open
    else:
        assert found == distribution


def test_a_later_override_replaces_an_earlier_one():
    found = space("optimizer.lr=interval(0.1,1)", "seed=1", "optimizer=sgd,adam", "optimizer.lr=0.5", "seed=2")
    assert found.fixed == ("optimizer.lr=0.5", "seed=2")
    assert list(found.distributions) == ["optimizer"]


@given(
    st.floats(1e-4, 1.0),
    st.sampled_from(["sgd", "adam"]),
    st.booleans(),
    st.integers(1, 64),
)
def test_a_trial_s_overrides_say_its_values_exactly(lr: float, optimizer: str, norm: bool, width: int):
    searched = space(
        *("optimizer.lr=tag(log,interval(1e-4,1))", "optimizer=sgd,adam", "+model.batch_norm=true,false"),
        *("model.width=int(interval(1,64))", "seed=3"),
    )
    values = {"optimizer.lr": lr, "optimizer": optimizer, "model.batch_norm": norm, "model.width": width}
    parsed = {one.get_key_element(): one.value() for one in PARSER.parse_overrides(list(searched.overrides(values)))}
    assert parsed == {
        "seed": 3,
        "optimizer.lr": lr,
        "optimizer": optimizer,
        "+model.batch_norm": norm,
        "model.width": width,
    }


def test_examples_have_each_choice_and_both_ends():
    found = space("optimizer=sgd,adam,lion", "optimizer.lr=interval(0.1,1)", "seed=1")
    assert list(found.examples()) == [
        ("seed=1", "optimizer=sgd", "optimizer.lr=0.1"),
        ("seed=1", "optimizer=adam", "optimizer.lr=0.1"),
        ("seed=1", "optimizer=lion", "optimizer.lr=0.1"),
        ("seed=1", "optimizer=sgd", "optimizer.lr=1.0"),
    ]


def test_a_grid_has_all_values_and_refuses_an_interval():
    grid = space("optimizer=sgd,adam", "model.depth=range(1,4)", "model.dropout=range(0.0,1.0,0.3)").grid()
    assert grid["optimizer"] == ["sgd", "adam"]
    assert grid["model.depth"] == [1, 2, 3]
    assert grid["model.dropout"] == pytest.approx([0.0, 0.3, 0.6, 0.9])
    with pytest.raises(UserError, match=r"grid cannot try all values of optimizer\.lr, an interval"):
        space("optimizer.lr=interval(0.1,1)").grid()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed=1", "no parameter to search"),
        ("optimizer.lr=tag(log,interval(0,1))", "optimizer.lr=tag.log,interval.0,1.. cannot be searched: .*low"),
        ("optimizer.lr=interval(1,0)", "cannot be searched"),
        ("optimizer.lr=tag(lg,interval(0.1,1))", "unknown tag lg; use log"),
        ("optimizer.lr=tag(log,range(0.1,0.5,0.1))", "cannot be searched"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(override: str, words: str):
    with pytest.raises(UserError, match=words) as caught:
        space(override)
    assert "\n" not in str(caught.value)
