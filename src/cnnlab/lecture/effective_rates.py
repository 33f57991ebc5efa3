"""How far an adaptive optimiser moves each weight for each unit of gradient, while a finished run is trained again."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.optim import Optimizer

from cnnlab.report.runs import Run
from cnnlab.run.folder import RunFolder
from cnnlab.seeding import derive_seed
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.classifier import Classifier

SQUARES = {"LectureAdagrad": "sum", "Adagrad": "sum", "RMSprop": "square_avg", "Adam": "exp_avg_sq"}  # in the state


class Snapshot(NamedTuple):
    """An optimiser's state after a step.

    Attributes:
        step: Of the run, from 1 on.
        rates: The effective learning rate of every weight, (P,).
        squares: What stands under the root of it, without ε, (P,).
    """

    step: int
    rates: torch.Tensor
    squares: torch.Tensor


def retrain(run: Run, steps: Sequence[int]) -> tuple[Classifier, list[Snapshot]]:
    """Trains a run again, step by step, and looks at its optimiser now and then.

    Args:
        run: On the CPU, with a constant learning rate and no averaging.
        steps: After which steps to look, besides the last one.

    Returns:
        The trained network and the snapshots.
    """
    config = RunFolder(run.path).config()
    classifier, data = build_classifier(config), build_data(config)
    data.setup()
    batches = data.train_dataloader()
    optimizer = classifier.make_optimizer(list(classifier.network.parameters()))
    last = config.trainer.max_epochs * len(batches)
    classifier.train()
    found = [
        Snapshot(step, *_effective_rates(optimizer))
        for step in _train(classifier, optimizer, batches, config)
        if step in steps or step == last
    ]
    return classifier, found


def _train(classifier: Classifier, optimizer: Optimizer, batches: Any, config: Any) -> Iterator[int]:
    """Trains as a run does, with the same random numbers; yields the number of each step."""
    step = 0
    for epoch in range(config.trainer.max_epochs):
        batches.sampler.set_epoch(epoch)
        for index, batch in enumerate(batches):
            torch.manual_seed(derive_seed(classifier.seed, "step", epoch, index, 0))  # of dropout
            criterion, _ = classifier.compute(batch)
            optimizer.zero_grad()
            criterion.backward()
            optimizer.step()
            step += 1
            yield step


def _effective_rates(optimizer: Optimizer) -> tuple[torch.Tensor, torch.Tensor]:
    """The effective learning rates and the squares of all weights."""
    rates, squares = [], []
    kind = type(optimizer).__name__
    for group in optimizer.param_groups:
        for weight in group["params"]:
            state = optimizer.state[weight]
            square = state[SQUARES[kind]].detach().double().flatten()
            if kind == "Adam":
                square = square / (1 - group["betas"][1] ** float(state["step"]))  # bias correction
            squares.append(square)
            rates.append(effective_rate(square, group["lr"], group["eps"], is_inside=kind == "LectureAdagrad"))
    return torch.cat(rates), torch.cat(squares)


def effective_rate(squares: torch.Tensor, lr: float, eps: float, *, is_inside: bool) -> torch.Tensor:
    """The effective learning rate of each weight: lr / (√G + ε), or lr / √(G + ε).

    Args:
        squares: G.
        lr: The learning rate.
        eps: ε.
        is_inside: Whether ε stands inside the root, as in the lecture.
    """
    return lr / ((squares + eps).sqrt() if is_inside else squares.sqrt() + eps)


def median_decades(rates: torch.Tensor) -> float:
    """log10 of the median."""
    return math.log10(float(rates.median()))
