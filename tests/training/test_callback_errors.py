from collections.abc import Callable

import pytest
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import ModelSummary
from torch.optim import SGD

from cnnlab.errors import UserError
from cnnlab.run.execution import run
from cnnlab.training.callback_errors import explain_callback_error
from tests.conftest import SMALL

SHORT = (*SMALL, "callbacks=light", "logger=none", "trainer.fast_dev_run=1")
LIGHTNINGS = "lightning.pytorch.callbacks."


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((f"+callbacks.x={{_target_: {LIGHTNINGS}ModelSummary, max_depth: -2}}",), "callbacks.x: `max_depth` can be"),
        (
            (f"+callbacks.x={{_target_: {LIGHTNINGS}ModelPruning, pruning_fn: ln_structured, pruning_norm: 2, "
             "pruning_dim: 0, use_global_unstructured: false}",),
            "callbacks.x: Structured pruning can only be applied to multidimensional",
        ),
    ],
)  # fmt: skip
def test_settings_that_fail_in_the_fit_are_the_users_mistake(compose_run, overrides: tuple[str, ...], message: str):
    with pytest.raises(UserError, match=message) as error:
        run(compose_run(*SHORT, *overrides))
    assert "\n" not in str(error.value)


class Failing(Callback):
    """A user's own, which raises an error."""

    def on_fit_start(self, trainer: Trainer | None, pl_module: object) -> None:
        raise ValueError("on purpose")


class FailingOptimizer(SGD):
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        raise ValueError("on purpose")


def out_of_memory() -> None:
    raise torch.OutOfMemoryError


def fail() -> None:
    raise ValueError("on purpose")


def own_optimizer() -> None:
    FailingOptimizer([torch.zeros(1)]).step()


def through_a_step() -> None:
    """An error of the network, which the optimiser's step calls."""
    network = torch.nn.Linear(2, 2)
    SGD(network.parameters(), lr=0.1).step(lambda: network(torch.zeros(3)).sum())


@pytest.mark.parametrize(
    "attempt", [lambda: Failing().on_fit_start(None, None), own_optimizer, through_a_step, out_of_memory, fail],
    ids=["own callback", "own optimizer", "network", "memory", "program"],
)  # fmt: skip
def test_everything_else_keeps_its_traceback(compose_run, attempt: Callable[[], None]):
    with pytest.raises((ValueError, RuntimeError)) as error:
        attempt()
    assert explain_callback_error(error.value, compose_run(*SHORT)) is None


def test_a_callback_that_no_config_has_is_not_blamed(compose_run):
    with pytest.raises(ValueError, match="max_depth") as error:
        ModelSummary(max_depth=-2).on_fit_start(Trainer(logger=False, accelerator="cpu"), torch.nn.Linear(1, 1))  # type: ignore[arg-type]
    assert explain_callback_error(error.value, compose_run(*SHORT)) is None
