import pytest
import torch

from cnnlab.training.totals import Totals

LOGITS = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
LABELS = torch.tensor([0, 0, 0])


def means(totals: Totals, num_processes: int = 1) -> tuple[float, float]:
    """Loss and accuracy."""
    found = totals.pop_means(lambda sums: sums * num_processes)
    return found["loss"], found["acc"]


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


def test_low_precision_losses_are_summed_in_high_precision():
    totals = Totals()
    for _ in range(1000):
        totals.add(torch.tensor(1.0, dtype=torch.bfloat16), LOGITS, LABELS)
    assert totals.pop_means(lambda tensor: tensor)["loss"] == 1.0
