"""Swept values that are rejected before a job is composed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnlab.errors import UserError
from cnnlab.sweep.check import check_choices
from cnnlab.sweep.search import Space

PARSER = OverridesParser.create()


@pytest.mark.parametrize(
    ("typed", "repeated"),
    [
        ("seed=0,1,0", "0"),
        ("optimizer=adam,adam", "adam"),
        ("optimizer='adam',adam", "adam"),
        ("optimizer=choice(sgd,adam,sgd)", "sgd"),
        ("optimizer.lr=0.1,1e-1,0.2", "0.1"),
        ("model.batch_norm=true,True", "True"),
        ("model.channels=[1,2],[1,2]", "[1, 2]"),
    ],
)
def test_a_repeated_value_is_rejected_in_a_sweep_and_in_a_search(typed: str, repeated: str):
    words = f"{typed} repeats {repeated}, which would be the same run; give each value once"
    override = PARSER.parse_override(typed)
    with pytest.raises(UserError) as error:
        check_choices(override)
    assert str(error.value) == words
    with pytest.raises(UserError) as error:
        Space.of([override])
    assert str(error.value) == words


@pytest.mark.parametrize("typed", ["seed=range(3),0", "seed=range(0,3),range(2,5)", "optimizer.lr=interval(0,1),2"])
def test_a_range_among_values_is_rejected(typed: str):
    override = PARSER.parse_override(typed)
    for check in (check_choices, lambda each: Space.of([each])):
        with pytest.raises(UserError, match="mixes a range with other values; give a range alone, or write all"):
            check(override)


@pytest.mark.parametrize(
    "typed", ["trainer.limit_train_batches=1,1.0", "x=1,'1'", "x=true,1", "seed=range(0,3)", "x=a", "optimizer=a,b"]
)
def test_values_that_only_look_alike_are_different(typed: str):
    check_choices(PARSER.parse_override(typed))
