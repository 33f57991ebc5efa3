"""The registry that everything which is measured is named by."""

import math

import torch

from cnnlab.metrics import (
    ACCURACY,
    CRITERION,
    LOSS,
    METRICS,
    OBJECTIVES,
    RESULT_METRICS,
    metric_names,
    worth_showing,
)


def test_names_are_of_a_split_and_a_metric():
    assert ACCURACY.of("val") == "val/acc"
    names = metric_names("train", "val")
    assert names[:2] == ("train/loss", "train/acc")
    assert names[len(METRICS) :][:2] == ("val/loss", "val/acc")
    assert {"val/loss", "val/acc", "test/loss", "test/acc"} <= set(RESULT_METRICS)


def test_no_two_metrics_share_a_name_and_each_says_how_a_value_reads():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert (LOSS.text(0.03072), ACCURACY.text(0.9902)) == ("0.0307", "99.02%")


def test_nothing_is_searched_by_the_test_set():
    assert OBJECTIVES["val/loss"] == OBJECTIVES["seconds_to_target"] == "minimize"
    assert OBJECTIVES["val/acc"] == "maximize"
    assert not [name for name in OBJECTIVES if name.startswith("test/")]


def test_accuracy_is_one_where_the_largest_logit_is_the_labels():
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0], [1.0, 5.0, 0.0]])
    assert ACCURACY.per_image is not None
    assert ACCURACY.per_image(logits, torch.tensor([0, 2, 0])).tolist() == [True, True, False]


def test_the_loss_is_the_cross_entropy_in_nats():
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]])  # probabilities 1/2 and 1/4 of class 0
    assert LOSS.per_image is not None
    torch.testing.assert_close(LOSS.per_image(logits, torch.tensor([0, 0])), torch.tensor([math.log(2), math.log(4)]))


def test_no_criterion_is_an_objective_since_each_loss_has_its_own_scale():
    assert CRITERION in METRICS
    assert CRITERION.of("val") not in OBJECTIVES


def test_a_criterion_is_shown_only_where_it_is_not_the_loss():
    values = {"val/loss": 0.5, "val/acc": 0.9, "val/criterion": 0.5, "test/criterion": None}
    assert worth_showing(values, "val") == [(LOSS, 0.5), (ACCURACY, 0.9)]
    assert worth_showing({**values, "val/criterion": 0.6}, "val") == [(LOSS, 0.5), (ACCURACY, 0.9), (CRITERION, 0.6)]
    assert worth_showing(values, "test") == []
    assert worth_showing({"val/loss": 0.5, "val/acc": 0.9}, "val") == [(LOSS, 0.5), (ACCURACY, 0.9)]  # of an older run
