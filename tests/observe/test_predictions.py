import torch

from cnnlab.observe.predictions import most_confident_mistakes


def test_the_most_confident_mistakes_come_first_and_right_answers_never():
    logits = torch.tensor([[9.0, 0.0], [0.0, 1.0], [0.0, 5.0], [3.0, 0.0], [0.0, 9.0]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    mistakes = most_confident_mistakes(logits, labels, 2)
    assert mistakes.indices.tolist() == [2, 3]
    assert mistakes.predicted.tolist() == [1, 0]
    torch.testing.assert_close(mistakes.confidence, torch.tensor([5.0, 3.0]).sigmoid())


def test_a_perfect_network_makes_none():
    assert len(most_confident_mistakes(torch.eye(3), torch.arange(3), 5).indices) == 0
