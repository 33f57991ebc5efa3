import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.nn.loss import SoftmaxMSELoss, is_cross_entropy


def test_a_hand_computed_value():
    # softmax(0, ln 3) = (1/4, 3/4); target (1, 0): ((3/4)² + (3/4)²) / 2 = 9/16
    logits = torch.tensor([[0.0, math.log(3)]])
    torch.testing.assert_close(SoftmaxMSELoss()(logits, torch.tensor([0])), torch.tensor(9 / 16))


def test_a_certain_and_right_prediction_costs_nothing():
    logits = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 100.0]])
    assert SoftmaxMSELoss()(logits, torch.tensor([0, 2])) == 0


@given(st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=1, max_size=5))
def test_it_is_between_0_and_2_over_the_classes(rows: list[list[float]]):
    loss = SoftmaxMSELoss()(torch.tensor(rows), torch.zeros(len(rows), dtype=torch.int64))
    assert 0 <= loss <= 2 / 3 + 1e-6


def test_a_confidently_wrong_network_hardly_learns_from_it():
    logits = torch.tensor([[20.0, 0.0]], requires_grad=True)
    SoftmaxMSELoss()(logits, torch.tensor([1])).backward()
    assert logits.grad.abs().max() < 1e-7


@pytest.mark.parametrize(
    ("loss", "is_plain"),
    [
        (nn.CrossEntropyLoss(), True),
        (nn.CrossEntropyLoss(label_smoothing=0.1), False),
        (nn.CrossEntropyLoss(weight=torch.ones(10)), False),
        (nn.CrossEntropyLoss(reduction="sum"), False),
        (nn.CrossEntropyLoss(ignore_index=3), False),
        (SoftmaxMSELoss(), False),
        (nn.NLLLoss(), False),
        (type("Own", (nn.CrossEntropyLoss,), {})(), False),
    ],
    ids=str,
)
def test_only_the_plain_cross_entropy_is_the_loss_metric(loss: nn.Module, is_plain: bool):
    assert is_cross_entropy(loss) == is_plain
