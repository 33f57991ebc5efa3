import copy
import math

import pytest
import torch

from cnnlab.optim import LectureAdagrad


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_two_steps_by_hand():
    weight = parameter(1.0)
    optimizer = LectureAdagrad([weight], lr=0.1, eps=0.01)
    weight.grad = torch.tensor([0.3], dtype=torch.float64)  # G = 0.09: 1 - 0.1·0.3 / √0.1
    optimizer.step()
    first = 1 - 0.03 / math.sqrt(0.1)
    assert weight.item() == pytest.approx(first, abs=1e-15)
    weight.grad = torch.tensor([-0.4], dtype=torch.float64)  # G = 0.25
    optimizer.step()
    assert weight.item() == pytest.approx(first + 0.04 / math.sqrt(0.26), abs=1e-15)


def test_weight_decay_is_part_of_the_gradient():
    weight = parameter(2.0)
    weight.grad = torch.tensor([0.1], dtype=torch.float64)
    LectureAdagrad([weight], lr=0.5, eps=0.0, weight_decay=0.1).step()  # the first step is lr·sign
    assert weight.item() == pytest.approx(1.5)


def test_without_epsilon_it_is_torchs():
    ours, theirs = parameter(1.0, -2.0, 0.5), parameter(1.0, -2.0, 0.5)
    optimizers = LectureAdagrad([ours], lr=0.1, eps=0.0), torch.optim.Adagrad([theirs], lr=0.1, eps=0.0)
    for _ in range(5):
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            weight.pow(4).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_inside_the_root_epsilon_slows_small_gradients():
    weights = parameter(0.0), parameter(0.0)
    for weight, kind in zip(weights, (LectureAdagrad, torch.optim.Adagrad), strict=True):
        weight.grad = torch.tensor([1e-6], dtype=torch.float64)
        kind([weight], lr=1.0).step()
    assert weights[0].item() == pytest.approx(-0.01, rel=1e-3)  # 1e-6 / √(1e-12 + 1e-8)
    assert weights[1].item() == pytest.approx(-1, rel=1e-3)


def test_a_saved_state_resumes_in_the_same_bits_and_a_parameter_without_gradient_stays():
    weight, idle = parameter(1.0), parameter(7.0)
    optimizer = LectureAdagrad([weight, idle])
    assert optimizer.step(lambda: weight.square().sum().backward() or 3.0) == 3.0
    again = parameter(weight.item())
    resumed = LectureAdagrad([again, idle], lr=1.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each in (weight, again):
        each.grad = torch.tensor([0.7], dtype=torch.float64)
    optimizer.step()
    resumed.step()
    assert torch.equal(weight, again)
    assert idle.item() == 7


def test_a_negative_epsilon_is_refused():
    with pytest.raises(ValueError, match="eps=-1 is not allowed; it must be a number >= 0"):
        LectureAdagrad([parameter(1.0)], eps=-1)
