"""How far an adaptive optimiser moves each weight for each unit of gradient."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

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


def look_at_rates(step: int, _network: nn.Module, optimizer: Optimizer) -> Snapshot:
    """The optimiser's state after a step, for `retrain_all`."""
    return Snapshot(step, *_effective_rates(optimizer))


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
