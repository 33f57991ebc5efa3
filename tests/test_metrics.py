"""The registry that everything which is measured is named by."""

import torch

from cnnlab.metrics import ACCURACY, LOSS, METRICS, OBJECTIVES, RESULT_METRICS, metric_names


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
