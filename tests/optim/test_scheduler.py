import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR

from cnnlab.optim import scheduler


def rates(make, total_steps: int, lr: float = 1.0) -> list[float]:
    """The learning rate of each step of the fit."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = make(optimizer, total_steps)
    values = []
    for _ in range(total_steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return values


def test_constant():
    assert rates(scheduler.constant, 5, lr=0.3) == [0.3] * 5


def test_cosine_is_torchs_over_the_whole_fit():
    expected = rates(lambda optimizer, steps: CosineAnnealingLR(optimizer, steps), 20)
    assert rates(scheduler.cosine, 20) == pytest.approx(expected, abs=1e-6)
    half = rates(lambda optimizer, steps: scheduler.cosine(optimizer, steps, final_factor=0.5), 4)
    assert half == pytest.approx([1.0, 0.5 + 0.25 * (1 + math.sqrt(0.5)), 0.75, 0.5 + 0.25 * (1 - math.sqrt(0.5))])


def test_warmup_cosine_rises_linearly_then_falls():
    values = rates(lambda optimizer, steps: scheduler.warmup_cosine(optimizer, steps, warmup=0.4), 10)
    assert values[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert values[5:] == pytest.approx([0.5 * (1 + math.cos(math.pi * step / 6)) for step in range(1, 6)])


def test_warmup_linear_is_a_triangle():
    values = rates(
        lambda optimizer, steps: scheduler.warmup_linear(optimizer, steps, warmup=0.4, initial_factor=0.2), 10
    )
    assert values == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_step_multiplies_at_its_milestones():
    assert rates(scheduler.step, 8) == pytest.approx([1.0] * 4 + [0.1] * 2 + [0.01] * 2)


def test_one_cycle_goes_up_to_lr_and_down_to_almost_nothing():
    values = rates(scheduler.one_cycle, 100, lr=0.5)
    assert values[0] == pytest.approx(0.5 * 0.04)
    assert max(values) == pytest.approx(0.5)
    assert values.index(max(values)) == 29
    assert values[-1] < 1e-5 * 0.5
    assert values[:30] == sorted(values[:30])
    assert values[29:] == sorted(values[29:], reverse=True)


@given(
    make=st.sampled_from(
        [
            *(scheduler.constant, scheduler.cosine, scheduler.one_cycle, scheduler.step),
            *(scheduler.warmup_cosine, scheduler.warmup_linear),
        ]
    ),
    total_steps=st.integers(1, 60),
)
def test_every_schedule_stays_between_0_and_lr_for_any_horizon(make, total_steps: int):
    values = rates(make, total_steps, lr=0.2)
    assert all(0 <= value <= 0.2 * (1 + 1e-9) for value in values)
    assert max(values) > 0
