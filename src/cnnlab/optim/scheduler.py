"""Learning-rate schedules over the whole fit, one step per optimiser step.

Lengths are fractions of the horizon, so that a schedule means the same at any number of epochs.
"""

import math
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR, OneCycleLR


def constant(optimizer: Optimizer, total_steps: int) -> None:
    """A constant lr: no schedule."""


def cosine(optimizer: Optimizer, total_steps: int, final_factor: float = 0.0) -> LRScheduler:
    """Half a cosine from lr to lr·final_factor.

    Reference:
        Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5.
    """
    return warmup_cosine(optimizer, total_steps, warmup=0.0, final_factor=final_factor)


def warmup_cosine(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.05, final_factor: float = 0.0
) -> LRScheduler:
    """A linear rise over the first steps, then half a cosine from lr to lr·final_factor.

    Args:
        optimizer: Its groups' lr is the peak.
        total_steps: Steps of the whole fit.
        warmup: Fraction of them that the rise takes; its first step has lr / (number of its steps), not 0.
        final_factor: The last value as a fraction of lr.
    """
    warmup_steps = round(warmup * total_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return final_factor + (1 - final_factor) * 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)


def one_cycle(optimizer: Optimizer, total_steps: int, warmup: float = 0.3, initial_factor: float = 0.04) -> LRScheduler:
    """Up from lr·initial_factor to lr and down to almost 0, each half a cosine; momentum stays.

    Args:
        optimizer: Its groups' lr is the peak.
        total_steps: Steps of the whole fit.
        warmup: Fraction of them that goes up.
        initial_factor: The first value as a fraction of lr.

    Reference:
        Smith and Topin, "Super-convergence: very fast training using large learning rates", 2019.
    """
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total_steps,
        pct_start=warmup,
        div_factor=1 / initial_factor,
        cycle_momentum=False,  # most optimisers here have none to cycle
    )


def warmup_linear(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.2, initial_factor: float = 0.1
) -> LRScheduler:
    """Two straight lines: up from lr·initial_factor to lr, then down to almost 0.

    Args:
        optimizer: Its groups' lr is the peak.
        total_steps: Steps of the whole fit; one more would have lr 0.
        warmup: Fraction of them that goes up.
        initial_factor: The first value as a fraction of lr.

    Reference:
        Howard and Ruder, "Universal language model fine-tuning for text classification", 2018 (slanted triangular).
    """
    warmup_steps = round(warmup * total_steps)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return initial_factor + (1 - initial_factor) * step / warmup_steps
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))

    return LambdaLR(optimizer, factor)


def step(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[float] = (0.5, 0.75), factor: float = 0.1
) -> LRScheduler:
    """Lr times factor at each milestone.

    Args:
        optimizer: Its groups' lr is the first value.
        total_steps: Steps of the whole fit.
        milestones: Fractions of them.
        factor: What lr is multiplied by.
    """
    return MultiStepLR(optimizer, [round(milestone * total_steps) for milestone in milestones], gamma=factor)
