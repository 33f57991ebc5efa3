import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix

from cnnlab.observe.predictions import confusion_matrix, most_confident_mistakes


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_the_confusion_matrix_is_torchmetrics(pairs: list[tuple[int, int]]):
    predicted, labels = torch.tensor(pairs).T
    ours = confusion_matrix(predicted, labels, 4)
    assert torch.equal(ours, multiclass_confusion_matrix(predicted, labels, 4))
    assert ours.sum() == len(pairs)


def test_the_most_confident_mistakes_come_first_and_right_answers_never():
    logits = torch.tensor([[9.0, 0.0], [0.0, 1.0], [0.0, 5.0], [3.0, 0.0], [0.0, 9.0]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    mistakes = most_confident_mistakes(logits, labels, 2)
    assert mistakes.indices.tolist() == [2, 3]
    assert mistakes.predicted.tolist() == [1, 0]
    torch.testing.assert_close(mistakes.confidence, torch.tensor([5.0, 3.0]).sigmoid())


def test_a_perfect_network_makes_none():
    assert len(most_confident_mistakes(torch.eye(3), torch.arange(3), 5).indices) == 0
