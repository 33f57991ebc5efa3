"""The fast step against torch's own."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from cnnlab.training.fast.optimizer import FastStep, fast_zero_grad


def _in_two_groups(first: nn.Parameter, *others: nn.Parameter) -> Optimizer:
    return AdamW([{"params": [first], "lr": 0.1}, {"params": others}], lr=0.01, fused=True)


MAKERS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1, fused=True),
    "momentum": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True, fused=True),
    "dampened": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, dampening=0.1, maximize=True, fused=True),
    "adam": lambda parameters: Adam(parameters, lr=0.01, weight_decay=0.01, fused=True),
    "amsgrad": lambda parameters: Adam(parameters, lr=0.01, betas=(0.8, 0.95), amsgrad=True, fused=True),
    "adamw": lambda parameters: AdamW(parameters, lr=0.01, eps=1e-6, fused=True),
    "two groups": lambda parameters: _in_two_groups(*parameters),
}


def networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    return network, copy.deepcopy(network)


def closure(network: nn.Module, optimizer: Optimizer, step: int) -> Callable[[], torch.Tensor]:
    def gradients() -> torch.Tensor:
        optimizer.zero_grad()
        loss = network(torch.randn(8, 5, generator=torch.Generator().manual_seed(step))).square().mean()
        loss.backward()
        return loss

    return gradients


def train(
    make: Callable[[Any], Optimizer], change: Callable[[Optimizer, int], Any] = lambda optimizer, step: None
) -> list[nn.Module]:
    """Both networks after six steps, the first by the fast step."""
    trained = []
    for network, is_fast in zip(networks(), (True, False), strict=True):
        optimizer = make(network.parameters())
        fast_step = FastStep(optimizer)
        for step in range(6):
            change(optimizer, step)
            if is_fast:
                fast_step(closure(network, optimizer, step))
            else:
                optimizer.step(closure(network, optimizer, step))
        trained.append((network, optimizer))
    (ours, our_optimizer), (theirs, their_optimizer) = trained
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(our, their)
    our_state, their_state = our_optimizer.state_dict(), their_optimizer.state_dict()
    assert str(our_state["param_groups"]) == str(their_state["param_groups"])
    for index, state in their_state["state"].items():
        for name, value in state.items():
            assert (value is None) == (our_state["state"][index][name] is None)
            assert value is None or torch.equal(value, our_state["state"][index][name])
    return [ours, theirs]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_it_ends_in_the_same_bits_and_state(make: Callable[[Any], Optimizer]):
    train(make)


@pytest.mark.parametrize("name", ["momentum", "adam", "adamw"])
def test_a_schedule_of_rates_and_momenta_is_followed(name: str):
    def make(parameters: Any) -> Optimizer:
        optimizer = MAKERS[name](parameters)
        optimizer.schedule = OneCycleLR(optimizer, 0.1, total_steps=10)  # type: ignore[attr-defined]
        return optimizer

    train(make, lambda optimizer, step: optimizer.schedule.step() if step > 0 else None)


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_state_that_is_loaded_in_between_is_used(name: str):
    train(
        MAKERS[name],
        lambda optimizer, step: optimizer.load_state_dict(optimizer.state_dict()) if step in (2, 4) else None,
    )


@pytest.mark.parametrize("name", ["momentum", "adamw"])
def test_a_parameter_without_a_gradient_is_left_alone(name: str):
    def freeze(optimizer: Optimizer, step: int) -> None:
        optimizer.param_groups[0]["params"][0].requires_grad_(step != 3)

    train(MAKERS[name], freeze)


@pytest.mark.parametrize("has_hook", [False, True])
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_torchs_step_makes_the_first_and_all_with_a_hook(monkeypatch: pytest.MonkeyPatch, name: str, has_hook: bool):
    calls: list[str] = []
    for kind in (SGD, Adam):
        collect = kind._init_group
        monkeypatch.setattr(kind, "_init_group", lambda *args, _collect=collect: calls.append("") or _collect(*args))
    network, _ = networks()
    optimizer, seen = MAKERS[name](network.parameters()), []
    if has_hook:
        optimizer.register_step_post_hook(lambda *_: seen.append("hook"))
    fast_step = FastStep(optimizer)
    for step in range(3):
        fast_step(closure(network, optimizer, step))
    assert len(calls) == (3 if has_hook else 1)
    assert len(seen) == (3 if has_hook else 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: SGD(parameters, lr=0.1),  # not fused
        lambda parameters: torch.optim.RMSprop(parameters, lr=0.1),
        lambda parameters: Adam(parameters, lr=torch.tensor(0.1), fused=True),
        type("Mine", (Adam,), {}),
    ],
)
def test_other_optimisers_step_by_themselves(make: Callable[[Any], Optimizer]):
    train(make)


def test_gradients_are_set_to_none():
    network, _ = networks()
    optimizer = SGD(network.parameters(), lr=0.1)
    closure(network, optimizer, 0)()
    fast_zero_grad(optimizer)()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_an_optimisers_own_zero_grad_is_called():
    class Keeping(SGD):
        def zero_grad(self, set_to_none: bool = True) -> None:
            pass

    network, _ = networks()
    optimizer = Keeping(network.parameters(), lr=0.1)
    closure(network, optimizer, 0)()
    fast_zero_grad(optimizer)()
    assert all(parameter.grad is not None for parameter in network.parameters())
