"""What a user may override in a step is called as in Lightning, because the lean loop leaves that fit to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest

from cnnlab.training.fast.eligibility import CLASSIFIER, DATA, PRECISION, STRATEGY
from tests.training.fast.fits import Parts, assert_same, fit, is_lean

SHORT = ("trainer.max_epochs=1", "trainer.limit_train_batches=3")


def test_lightning_is_the_one_that_was_compared():
    """Compare its training_epoch_loop, automatic optimisation, strategy and precision again, then raise this."""
    assert lightning.__version__ == "2.6.6"


def subclassed(instance: Any, name: str, calls: list[str]) -> None:
    """Gives an object a subclass with an override that calls the original."""

    def override(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return getattr(super(own, self), name)(*args, **kwargs)

    own = type("Own", (type(instance),), {name: override})
    instance.__class__ = own


def patched(instance: Any, name: str, calls: list[str]) -> None:
    """Gives an object, not its class, such an override."""
    original = getattr(instance, name)

    def override(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return original(*args, **kwargs)

    setattr(instance, name, override)


PARTS: dict[str, tuple[Callable[[Parts], Any], dict[str, Any]]] = {
    "module": (lambda parts: parts.classifier, CLASSIFIER),
    "data": (lambda parts: parts.data, DATA),
    "strategy": (lambda parts: parts.trainer.strategy, STRATEGY),
    "precision": (lambda parts: parts.trainer.precision_plugin, PRECISION),
}
STOCK_CALLS: dict[str, dict[str, int]] = {}  # by part: how often Lightning's own loop calls each, with all overridden


def stock_calls(compose_run: Any, folder: Path, part: str) -> dict[str, int]:
    if part not in STOCK_CALLS:
        get, functions = PARTS[part]
        calls: list[str] = []

        def change(parts: Parts) -> None:
            for name in functions:
                patched(get(parts), name, calls)

        fit(compose_run, folder, *SHORT, fast=False, change=change)
        STOCK_CALLS[part] = {name: calls.count(name) for name in functions}
    return STOCK_CALLS[part]


@pytest.mark.filterwarnings("ignore:You have overridden")
@pytest.mark.parametrize(
    ("part", "name", "override"),
    [
        *((part, name, patched) for part in PARTS for name in PARTS[part][1]),
        ("module", "optimizer_step", subclassed),
        ("data", "on_after_batch_transfer", subclassed),
        ("strategy", "backward", subclassed),
        ("precision", "optimizer_step", subclassed),
    ],
)
def test_an_override_is_called_as_in_lightning(compose_run, tmp_path: Path, part: str, name: str, override: Any):
    calls: list[str] = []
    ended = fit(
        compose_run, tmp_path, *SHORT, fast=True, change=lambda parts: override(PARTS[part][0](parts), name, calls)
    )
    assert not is_lean(ended.trainer)
    assert len(calls) == stock_calls(compose_run, tmp_path, part)[name]
    # a data module of its own has precedence in Lightning, which warns
    assert (len(calls) >= 3) == ((part, name) != ("module", "transfer_batch_to_device"))


def _returning(*values: Any) -> Callable[[Parts], None]:
    """A training_step with these results, in turn, of the loss."""

    def change(parts: Parts) -> None:
        original = parts.classifier.training_step

        def training_step(batch: Any, batch_idx: int) -> Any:
            return values[batch_idx](original(batch, batch_idx))

        parts.classifier.training_step = training_step  # type: ignore[method-assign]

    return change


def test_a_training_step_may_return_a_dict(compose_run, tmp_path: Path):
    change = _returning(*[lambda loss: {"loss": loss, "extra": 1}] * 3)
    assert_same(*(fit(compose_run, tmp_path, *SHORT, fast=fast, change=change) for fast in (True, False)))


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_a_training_step_may_skip_by_none(compose_run, tmp_path: Path):
    change = _returning(lambda loss: loss, lambda loss: None, lambda loss: loss)
    assert_same(*(fit(compose_run, tmp_path, *SHORT, fast=fast, change=change) for fast in (True, False)))


def test_minus_one_of_the_module_ends_the_epoch(compose_run, tmp_path: Path):
    def change(parts: Parts) -> None:
        original = parts.classifier.on_train_batch_start

        def on_train_batch_start(batch: Any, batch_idx: int) -> int | None:
            original(batch, batch_idx)
            return -1 if batch_idx == 2 else None

        parts.classifier.on_train_batch_start = on_train_batch_start  # type: ignore[method-assign, assignment]

    ended = [fit(compose_run, tmp_path, fast=fast, change=change) for fast in (True, False)]
    assert ended[0].trainer.global_step == 4  # two epochs of two steps
    assert_same(*ended)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ((), None),
        (("trainer.precision=bf16-mixed",), "the precision is not 32-true"),
        (("trainer.accumulate_grad_batches=2",), "gradients are accumulated"),
        (("trainer.gradient_clip_val=0.5",), "gradients are clipped"),
        (("+trainer.profiler=simple",), "a profiler is active"),
        (("+trainer.val_check_interval=2",), "validations are not at the ends of epochs"),
    ],
    ids=str,
)
def test_the_reason_is_named(
    compose_run, tmp_path: Path, caplog: pytest.LogCaptureFixture, overrides: tuple[str, ...], reason: str | None
):
    with caplog.at_level("DEBUG", "cnnlab"):
        fit(compose_run, tmp_path, *SHORT, *overrides, fast=True)
    words = [record.message for record in caplog.records if "Lightning's own loop" in record.message]
    assert words == ([] if reason is None else [f"epoch 1 uses Lightning's own loop: {reason}"])
