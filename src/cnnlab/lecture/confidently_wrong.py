"""How much two losses of a softmax would change a network where it is confidently wrong."""

from typing import NamedTuple

import torch
from torch import nn

from cnnlab.nn.loss import SoftmaxMSELoss

LOSSES = ("cross_entropy", "mse")
NUM_STEPS, EVERY_STEPS, BATCH_SIZE = 200, 20, 64
RATES = (0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0, 3.16)  # at which `relearn` is tried


class Gradients(NamedTuple):
    """Of wrong images.

    Attributes:
        probability: Of the true class, (N,).
        cross_entropy: The norm of the gradient of an image's cross-entropy with respect to its logits, (N,).
        mse: The same of the squared error.
    """

    probability: torch.Tensor
    cross_entropy: torch.Tensor
    mse: torch.Tensor


def loss_of(name: str) -> nn.Module:
    """The loss as an option of conf/loss/ makes it.

    Args:
        name: One of `LOSSES`.
    """
    return SoftmaxMSELoss() if name == "mse" else nn.CrossEntropyLoss()


def gradients_where_wrong(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Gradients:
    """What both losses would say of the images that a network classifies wrongly.

    Args:
        network: Images to logits, in evaluation mode.
        images: (N, C, H, W).
        labels: (N,).
    """
    with torch.inference_mode():
        logits = network(images)
    is_wrong = logits.argmax(dim=1) != labels
    logits, labels = logits[is_wrong].double(), labels[is_wrong]
    probability = logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]
    return Gradients(probability, *(gradient_norms(logits, labels, name) for name in LOSSES))


def gradient_norms(logits: torch.Tensor, labels: torch.Tensor, name: str) -> torch.Tensor:
    """The norm of the gradient of each image's own loss with respect to its logits, (N,).

    Args:
        logits: (N, C).
        labels: (N,).
        name: One of `LOSSES`.
    """
    leaves = logits.detach().clone().requires_grad_()
    mean = loss_of(name)(leaves, labels)  # over the images, so that each has 1/N of its own gradient
    gradient = torch.autograd.grad(mean, leaves)[0]
    norms: torch.Tensor = gradient.norm(dim=1)
    return norms * len(labels)


def slope(found: Gradients, name: str) -> float:
    """By how many decades the gradient falls if the probability of the true class falls by one.

    The least-squares line through the logarithms of both: 1 if the gradient is proportional to the probability, and so
    vanishes with it, 0 if it does not depend on it.

    Args:
        found: Of wrong images with at least two probabilities.
        name: One of `LOSSES`.
    """
    x = found.probability.log10()
    norms: torch.Tensor = getattr(found, name)
    y = norms.log10()
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / x.square().sum())


def relearn(
    network: nn.Module,
    train: tuple[torch.Tensor, torch.Tensor],
    test: tuple[torch.Tensor, torch.Tensor],
    name: str,
    lr: float,
    every: int = EVERY_STEPS,
) -> list[float]:
    """Accuracies while a trained network learns other names for the classes: y becomes y + 1, and 9 becomes 0.

    Nearly every image is confidently wrong at first. Momentum's factor is 0.5, as in conf/optimizer/momentum.yaml.

    Args:
        network: Trained on the true labels; changed in place.
        train: Images and labels; the first `NUM_STEPS * BATCH_SIZE` are used.
        test: Images and labels that are not for training.
        name: The loss, one of `LOSSES`.
        lr: The learning rate.
        every: Steps between two measurements.

    Returns:
        On the images of `test`, at steps 0, `every`, … `NUM_STEPS`.
    """
    loss, optimizer = loss_of(name), torch.optim.SGD(network.parameters(), lr=lr, momentum=0.5)
    images, labels = train[0], (train[1] + 1) % 10
    accuracies = [_accuracy(network, *test)]
    for step in range(NUM_STEPS):
        batch = torch.arange(step * BATCH_SIZE, (step + 1) * BATCH_SIZE) % len(images)
        optimizer.zero_grad()
        loss(network(images[batch]), labels[batch]).backward()
        optimizer.step()
        if (step + 1) % every == 0:
            accuracies.append(_accuracy(network, *test))
    return accuracies


@torch.inference_mode()
def _accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    return float((network(images).argmax(dim=1) == (labels + 1) % 10).float().mean())


def curve(num: int = 101) -> dict[str, list[float]]:
    """The gradient's norm by the probability p of the true class, where one wrong class has the rest.

    Args:
        num: Of probabilities from 0 to 1, denser near 0.
    """
    p = torch.linspace(0, 1, num, dtype=torch.float64) ** 2
    p = p.clamp(1e-6, 1 - 1e-6)
    logits = torch.full((num, 10), -1e3, dtype=torch.float64)
    logits[:, 0], logits[:, 1] = p.log(), (1 - p).log()
    labels = torch.zeros(num, dtype=torch.int64)
    norms = {name: [round(x, 6) for x in gradient_norms(logits, labels, name).tolist()] for name in LOSSES}
    return {"p": [round(x, 6) for x in p.tolist()], **norms}
