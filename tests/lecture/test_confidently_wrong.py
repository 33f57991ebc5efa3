import pytest
import torch
from torch import nn

from cnnlab.lecture.confidently_wrong import (
    EVERY_STEPS,
    LOSSES,
    NUM_STEPS,
    Gradients,
    curve,
    gradient_norms,
    gradients_where_wrong,
    relearn,
    slope,
)


def test_the_gradients_are_those_of_the_formulas():
    logits = torch.randn(7, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    labels = torch.arange(7)
    p = logits.softmax(dim=1)
    errors = p - nn.functional.one_hot(labels, 10)
    squared = 0.2 * p * (errors - (errors * p).sum(dim=1, keepdim=True))
    torch.testing.assert_close(gradient_norms(logits, labels, "cross_entropy"), errors.norm(dim=1))
    torch.testing.assert_close(gradient_norms(logits, labels, "mse"), squared.norm(dim=1))


def test_with_one_wrong_class_the_curves_are_1_minus_p_and_p_times_its_square():
    found = curve(21)
    p = torch.tensor(found["p"])
    torch.testing.assert_close(torch.tensor(found["cross_entropy"]), 2**0.5 * (1 - p), atol=2e-5, rtol=0)
    torch.testing.assert_close(torch.tensor(found["mse"]), 2**0.5 * 0.4 * p * (1 - p) ** 2, atol=2e-5, rtol=0)


def test_only_wrong_images_count():
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
    found = gradients_where_wrong(nn.Identity(), logits, torch.tensor([0, 0, 1]))
    expected = torch.tensor([1 / (1 + torch.e**3), 1 / (1 + torch.e**2)], dtype=torch.float64)
    torch.testing.assert_close(found.probability, expected, atol=1e-6, rtol=0)


def test_the_slope_is_the_exponent():
    probability = torch.logspace(-4, -0.5, 20, dtype=torch.float64)
    found = Gradients(probability, torch.full((20,), 1.4, dtype=torch.float64), 0.3 * probability**0.9)
    assert slope(found, "cross_entropy") == pytest.approx(0.0)
    assert slope(found, "mse") == pytest.approx(0.9)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_learns_the_new_names(loss: str):
    images = torch.eye(10).repeat(20, 1)
    labels = torch.arange(10).repeat(20)
    network = nn.Linear(10, 10)
    with torch.no_grad():
        network.weight.copy_(torch.eye(10) * 3)
        network.bias.zero_()
    found = relearn(network, (images, labels), (images, labels), loss, 10.0)
    assert len(found) == 1 + NUM_STEPS // EVERY_STEPS
    assert (found[0], found[-1]) == (0.0, 1.0)
