"""The training mathematics, against a plain loop whose optimisers are written out by hand."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Callback
from torch.nn import functional

from cnnlab.data import EpochShuffle
from cnnlab.errors import Diverged
from cnnlab.training.build import build_classifier, build_data, build_trainer

Tensors = list[torch.Tensor]
NUM_STEPS = 50


class Losses(Callback):
    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.values.append(outputs["loss"].item())


def lecture_logits(weights: Tensors, images: torch.Tensor) -> torch.Tensor:
    w1, b1, w2, b2, w3, b3, w4, b4 = weights
    hidden = functional.relu(functional.max_pool2d(functional.conv2d(images, w1, b1), 2))
    hidden = functional.relu(functional.max_pool2d(functional.conv2d(hidden, w2, b2), 2))
    hidden = functional.relu(functional.linear(hidden.flatten(1), w3, b3))
    return functional.linear(hidden, w4, b4)


def momentum() -> Callable[[Tensors, Tensors, int], None]:
    velocities: Tensors = []

    def step(weights: Tensors, gradients: Tensors, number: int) -> None:
        for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            if number == 1:
                velocities.append(torch.zeros_like(weight))
            velocities[index] = 0.5 * velocities[index] + gradient
            weight -= 0.01 * velocities[index]

    return step


def adagrad() -> Callable[[Tensors, Tensors, int], None]:
    sums: Tensors = []

    def step(weights: Tensors, gradients: Tensors, number: int) -> None:
        for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            if number == 1:
                sums.append(torch.zeros_like(weight))
            sums[index] += gradient**2
            weight -= 0.01 * gradient / (sums[index].sqrt() + 1e-10)

    return step


def adam() -> Callable[[Tensors, Tensors, int], None]:
    means: Tensors = []
    squares: Tensors = []

    def step(weights: Tensors, gradients: Tensors, number: int) -> None:
        for index, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            if number == 1:
                means.append(torch.zeros_like(weight))
                squares.append(torch.zeros_like(weight))
            means[index] = 0.9 * means[index] + 0.1 * gradient
            squares[index] = 0.999 * squares[index] + 0.001 * gradient**2
            mean, square = means[index] / (1 - 0.9**number), squares[index] / (1 - 0.999**number)
            weight -= 0.001 * mean / (square.sqrt() + 1e-8)

    return step


@pytest.mark.parametrize("optimizer", [momentum, adagrad, adam])
def test_fifty_steps_are_those_of_a_plain_loop(compose_run, tmp_path: Path, optimizer):
    """In double precision, where no rounding error decides which of two pixels a pool takes."""
    config = compose_run(
        "data=mnist_5k",
        f"optimizer={optimizer.__name__}",
        "model.dropout=0.0",
        "model.channel_dropout=0.0",
        "trainer=cpu",
        "trainer.precision=64-true",
        "trainer.max_epochs=1",
        f"trainer.limit_train_batches={NUM_STEPS}",
        "trainer.limit_val_batches=0",
        "seed=5",
    )
    classifier, data, losses = build_classifier(config), build_data(config), Losses()
    weights = [parameter.detach().double() for parameter in classifier.network.parameters()]
    build_trainer(config, tmp_path, [losses], None).fit(classifier, datamodule=data)

    images, labels = data.part("train")[0].double(), data.part("train")[1]
    order = EpochShuffle(5, len(images)).order()
    step = optimizer()
    for number in range(1, NUM_STEPS + 1):
        batch = order[(number - 1) * 64 : number * 64]
        for weight in weights:
            weight.requires_grad_()
        logits = lecture_logits(weights, images[batch])
        loss = (logits.logsumexp(dim=1) - logits[torch.arange(len(batch)), labels[batch]]).mean()
        gradients = list(torch.autograd.grad(loss, weights))
        weights = [weight.detach() for weight in weights]
        step(weights, gradients, number)
        assert losses.values[number - 1] == pytest.approx(loss.item(), abs=1e-9)
    for ours, theirs in zip(classifier.network.parameters(), weights, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, atol=1e-9, rtol=0)


def fit(config: Any, folder: Path, *callbacks: Callback) -> Any:
    classifier = build_classifier(config)
    trainer = build_trainer(config, folder, list(callbacks), None)
    trainer.fit(classifier, datamodule=build_data(config))
    return classifier


SHORT = ("data=mnist_5k", "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=5",
         "+trainer.enable_checkpointing=false")  # fmt: skip


def test_an_epochs_metrics_are_means_over_its_images(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "model.dropout=0.0", "model.channel_dropout=0.0", "optimizer.lr=1e-12")
    measured = fit(config, tmp_path).measured
    fresh, data = build_classifier(config).eval(), build_data(config)
    data.setup()
    order = EpochShuffle(0, 4000).order()[: 5 * 64]
    for part, chosen in (("train", order), ("val", torch.arange(500))):
        images, labels = (tensor[chosen] for tensor in data.part(part))
        logits = fresh(images)
        assert measured[f"{part}/loss"] == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
        assert measured[f"{part}/criterion"] == measured[f"{part}/loss"]
        assert measured[f"{part}/acc"] == (logits.argmax(1) == labels).sum().item() / len(labels)
    assert measured["lr"] == 1e-12


@pytest.mark.parametrize(
    ("choice", "criterion"),
    [
        ("loss.label_smoothing=0.3", lambda z, y: functional.cross_entropy(z, y, label_smoothing=0.3)),
        ("loss=mse", lambda z, y: functional.mse_loss(z.softmax(dim=1), functional.one_hot(y, 10).float())),
    ],
    ids=["label smoothing", "mse"],
)
def test_the_loss_is_the_cross_entropy_and_the_criterion_is_what_trains(
    compose_run, tmp_path: Path, choice: str, criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
):
    still = ("model.dropout=0.0", "model.channel_dropout=0.0", "optimizer.lr=1e-12")
    config = compose_run(*SHORT, *still, choice)
    measured = fit(config, tmp_path).measured
    fresh, data = build_classifier(config).eval(), build_data(config)
    data.setup()
    order = EpochShuffle(0, 4000).order()[: 5 * 64]
    for part, chosen in (("train", order), ("val", torch.arange(500))):
        images, labels = (tensor[chosen] for tensor in data.part(part))
        logits = fresh(images)
        assert measured[f"{part}/loss"] == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
        assert measured[f"{part}/criterion"] == pytest.approx(criterion(logits, labels).item(), rel=1e-5)


def test_either_of_loss_and_criterion_ends_a_fit(compose_run):
    classifier = build_classifier(compose_run(*SHORT))
    classifier.trainer = SimpleNamespace(testing=True)
    classifier._check_finite(0.1, 0.2, "train")
    with pytest.raises(Diverged, match="the training criterion became inf"):
        classifier._check_finite(math.inf, 0.2, "train")
    with pytest.raises(Diverged, match="the validation loss became nan"):
        classifier._check_finite(0.1, math.nan, "val")


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(compose_run, tmp_path: Path):
    from cnnlab.training.checkpoint import weights_sha256

    hashes = [weights_sha256(fit(compose_run(*SHORT, f"seed={seed}"), tmp_path).network) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("override", ["optimizer.lr=1e12", "+trainer.detect_anomaly=false"])
def test_a_loss_that_is_not_finite_ends_the_fit(compose_run, tmp_path: Path, override: str):
    config = compose_run(*SHORT, override, "loss=cross_entropy")
    if override.startswith("+"):
        classifier = build_classifier(config)
        classifier.network.layers[0][0].weight.data.fill_(math.inf)
        trainer, message = build_trainer(config, tmp_path, [], None), "the training loss became nan in epoch 1, step 0"
        with pytest.raises(Diverged, match=message):
            trainer.fit(classifier, datamodule=build_data(config))
    else:
        with pytest.raises(Diverged, match="the training loss became"):
            fit(config, tmp_path)


class Modes(Callback):
    """Which of its two points a schedule-free optimiser is at."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    def note(self, trainer: Any, moment: str) -> None:
        self.seen.append((moment, trainer.optimizers[0].param_groups[0]["train_mode"]))

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        self.note(trainer, "train")

    def on_validation_batch_start(self, trainer: Any, *args: Any) -> None:
        self.note(trainer, "val")

    def on_train_end(self, trainer: Any, *args: Any) -> None:
        self.note(trainer, "end")


def test_a_schedule_free_optimiser_is_evaluated_and_kept_at_its_average(compose_run, tmp_path: Path):
    modes = Modes()
    fit(compose_run(*SHORT, "optimizer=schedule_free", "trainer.max_epochs=2"), tmp_path, modes)
    assert modes.seen == [*[("train", True)] * 5, ("val", False)] * 2 + [("end", False)]
