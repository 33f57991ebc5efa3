import math

import pytest
import torch
from torch.nn import functional

from cnnlab.errors import UserError
from cnnlab.metrics import LOSS
from cnnlab.training.totals import Totals

LOGITS = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
LABELS = torch.tensor([0, 0, 0])


def means(totals: Totals, num_processes: int = 1) -> tuple[float, float]:
    """Criterion and accuracy."""
    found = totals.pop_means(lambda sums: sums * num_processes)
    return found["criterion"], found["acc"]


def test_means_weigh_every_image_alike_and_start_again():
    totals = Totals()
    totals.add(torch.tensor(0.5), LOGITS, LABELS)  # two of three right
    totals.add(torch.tensor(2.5), LOGITS[:1], LABELS[:1])
    assert means(totals) == (pytest.approx(4 / 4), 3 / 4)
    totals.add(torch.tensor(1.0), LOGITS[1:2], LABELS[1:2])
    assert means(totals) == (1.0, 0.0)


def test_processes_are_summed_before_the_mean():
    totals = Totals()
    totals.add(torch.tensor(1.0), LOGITS, LABELS)
    assert means(totals, num_processes=2) == (pytest.approx(1.0), pytest.approx(2 / 3))


def test_a_snapshot_is_resumed():
    totals, resumed = Totals(), Totals()
    totals.add(torch.tensor(0.3), LOGITS, LABELS)
    resumed.restore(totals.snapshot())
    for each in (totals, resumed):
        each.add(torch.tensor(0.7), LOGITS, LABELS)
    assert resumed.pop_means(lambda tensor: tensor) == totals.pop_means(lambda tensor: tensor)


def test_low_precision_criteria_are_summed_in_high_precision():
    totals = Totals()
    for _ in range(1000):
        totals.add(torch.tensor(1.0, dtype=torch.bfloat16), LOGITS, LABELS)
    assert totals.pop_means(lambda tensor: tensor)["criterion"] == 1.0


def test_the_loss_is_the_cross_entropy_of_the_logits_whatever_the_criterion():
    totals = Totals()
    totals.add(torch.tensor(123.0), LOGITS, LABELS)
    totals.add(torch.tensor(math.pi), LOGITS[:1], LABELS[:1])
    assert totals.last_mean(LOSS) == pytest.approx(functional.cross_entropy(LOGITS[:1], LABELS[:1]).item())
    found = totals.pop_means(lambda tensor: tensor)
    expected = functional.cross_entropy(torch.cat([LOGITS, LOGITS[:1]]), torch.cat([LABELS, LABELS[:1]])).item()
    assert found["loss"] == pytest.approx(expected)
    assert found["criterion"] == pytest.approx((3 * 123.0 + math.pi) / 4)


def test_a_criterion_that_is_the_loss_has_the_same_bits():
    totals = Totals(criterion_is_loss=True)
    for count in (3, 2, 1):
        totals.add(functional.cross_entropy(LOGITS[:count], LABELS[:count]), LOGITS[:count], LABELS[:count])
    found = totals.pop_means(lambda tensor: tensor)
    assert found["loss"] == found["criterion"]


def test_the_sums_of_an_older_versions_unfinished_epoch_are_continued_or_refused_in_one_line():
    older = torch.tensor([1.5, 2.0, 4.0], dtype=torch.float64)  # loss, accuracy, images
    totals = Totals(criterion_is_loss=True)
    totals.restore(older)
    assert totals.pop_means(lambda tensor: tensor) == {"loss": 1.5 / 4, "acc": 0.5, "criterion": 1.5 / 4}
    with pytest.raises(UserError, match=r"another version of cnnlab, which measured other metrics; .* a new run$"):
        Totals().restore(older)  # the loss of its training is not the cross-entropy
