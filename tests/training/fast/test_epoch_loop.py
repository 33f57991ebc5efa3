"""The lean loop against Lightning's own: the same calls, counts and bits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from cnnlab.training.fast.eligibility import STEP_HOOKS
from tests.training.fast.fits import Parts, assert_same, fit, is_lean


class Diary(Callback):
    """Notes every hook of a step, with what it can see."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []


def _noting(hook: str) -> Any:
    def note(self: Diary, trainer: Any, module: Any, *args: Any) -> None:
        gradient = next(module.parameters()).grad
        seen = None if gradient is None else gradient.abs().sum().item()
        loss = args[0]["loss"].item() if hook == "on_train_batch_end" else None
        if hook == "on_train_batch_end" and trainer.global_step % 2:  # as users' callbacks do, not in every step
            module.log("noted", float(trainer.global_step), on_step=True, on_epoch=True)
        self.entries.append(
            (hook, trainer.global_step, trainer.is_last_batch, seen, module.lr, loss, module._current_fx_name)
        )

    return note


for name in STEP_HOOKS:
    setattr(Diary, name, _noting(name))


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("optimizer=schedule_free", "scheduler=constant"),
        ("averaging=ema", "averaging.every_n_steps=2"),
        ("trainer.accumulate_grad_batches=4", "trainer.gradient_clip_val=0.5"),
        ("trainer.precision=bf16-mixed",),
    ],
    ids=lambda overrides: overrides[0] if overrides else "plain",
)
def test_it_is_lightnings_loop(compose_run, tmp_path: Path, overrides: tuple[str, ...]):
    diaries = Diary(), Diary()
    lean = fit(compose_run, tmp_path, *overrides, fast=True, callbacks=(diaries[0],))
    stock = fit(compose_run, tmp_path, *overrides, fast=False, callbacks=(diaries[1],))
    assert [str(entry) for entry in diaries[0].entries] == [str(entry) for entry in diaries[1].entries]  # an lr is nan
    assert_same(lean, stock)


def test_a_plain_fit_takes_it(compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    taken: list[bool] = []
    monkeypatch.setattr(_TrainingEpochLoop, "advance", lambda self, fetcher: taken.append(False) or next(fetcher))
    fit(compose_run, tmp_path, fast=True)
    assert not taken


class Skipping(Callback):
    """Lightning lets only the LightningModule end an epoch by -1."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> int:
        return -1


def test_a_callbacks_minus_one_ends_no_epoch(compose_run, tmp_path: Path):
    lean = fit(compose_run, tmp_path, fast=True, callbacks=(Skipping(),))
    stock = fit(compose_run, tmp_path, fast=False, callbacks=(Skipping(),))
    assert is_lean(lean.trainer)
    assert lean.trainer.global_step == 12
    assert_same(lean, stock)


class Stopping(Callback):
    """Asks to stop in the middle of an epoch, and leaves a checkpoint there."""

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 3:
            trainer.should_stop = True


def test_a_stop_within_an_epoch_evaluates_it(compose_run, tmp_path: Path):
    lean = fit(compose_run, tmp_path, fast=True, callbacks=(Stopping(),))
    stock = fit(compose_run, tmp_path, fast=False, callbacks=(Stopping(),))
    assert lean.trainer.global_step == 3
    assert "val/acc" in lean.metrics
    assert_same(lean, stock)


class Saving(Callback):
    """Saves after a step, or after an evaluation."""

    def __init__(self, hook: str, step: int, path: Path) -> None:
        self.step, self.path = step, path
        setattr(self, hook, self._save)

    def _save(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize(("hook", "step"), [("on_train_batch_end", 4), ("on_train_batch_end", 6),
                                            ("on_validation_end", 6), ("on_train_epoch_end", 6)])  # fmt: skip
def test_a_resumed_fit_is_lightnings_too(compose_run, tmp_path: Path, hook: str, step: int):
    fit(compose_run, tmp_path, fast=False, callbacks=(Saving(hook, step, tmp_path / "started.ckpt"),))
    lean, stock = (
        fit(compose_run, tmp_path, "trainer.max_epochs=3", fast=fast, checkpoint=tmp_path / "started.ckpt")
        for fast in (True, False)
    )
    assert is_lean(lean.trainer)
    assert not lean.trainer.fit_loop.epoch_loop._skip_next_val
    assert_same(lean, stock)


class Lazy(torch.optim.SGD):
    """Forgets its closure."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()


class Eager(torch.optim.SGD):
    """Calls its closure twice, as line searches do, where no gradient would be recorded."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        assert not closure().requires_grad
        closure()
        return super().step()


def _optimising(kind: type[torch.optim.SGD]) -> Any:
    def change(parts: Parts) -> None:
        parts.classifier.make_optimizer = lambda parameters: kind(parameters, lr=0.01)

    return change


def test_an_optimizer_may_call_its_closure_as_it_likes(compose_run, tmp_path: Path):
    lean, stock = (fit(compose_run, tmp_path, fast=fast, change=_optimising(Eager)) for fast in (True, False))
    assert is_lean(lean.trainer)
    assert_same(lean, stock)


@pytest.mark.parametrize("fast", [True, False])
def test_an_optimizer_has_to_call_its_closure(compose_run, tmp_path: Path, fast: bool):
    with pytest.raises(Exception, match="closure hasn't been executed"):
        fit(compose_run, tmp_path, fast=fast, change=_optimising(Lazy))


class Counting(Callback):
    """Counts the validations of the fit, and keeps the labels of its batches."""

    def __init__(self) -> None:
        self.validations = 0
        self.labels: dict[int, list[list[int]]] = {}

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.labels.setdefault(trainer.current_epoch, []).append(batch[1].tolist())

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self.validations += not trainer.sanity_checking


class Searched(Counting):
    """Leaves the loop as a search for a learning rate or a batch size may: about to skip a validation."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 0:
            trainer.fit_loop.epoch_loop._skip_next_val = True


@pytest.mark.parametrize("fast", [True, False])
def test_a_search_before_the_fit_costs_no_validation(compose_run, tmp_path: Path, fast: bool):
    searched = Searched()
    ended = fit(compose_run, tmp_path, fast=fast, callbacks=(searched,))
    assert is_lean(ended.trainer) == fast
    assert searched.validations == 2


@pytest.mark.parametrize(("batches", "count"), [("1", 1), ("10", 10), ("0.1", 6)])
def test_overfitted_batches_are_the_same_in_each_epoch_as_in_lightning(
    compose_run, tmp_path: Path, batches: str, count: int
):
    whole = ("trainer.limit_train_batches=1.0", f"+trainer.overfit_batches={batches}", "data.eval_batch_size=50")
    countings = Counting(), Counting()
    lean = fit(compose_run, tmp_path, *whole, fast=True, callbacks=(countings[0],))
    stock = fit(compose_run, tmp_path, *whole, fast=False, callbacks=(countings[1],))
    assert is_lean(lean.trainer)
    assert_same(lean, stock)
    for counting in countings:
        first, second = counting.labels[0], counting.labels[1]
        assert first == second
        assert len(first) == count
    labels = lean.trainer.datamodule.part("train")[1]
    assert countings[0].labels[0][0] == labels[:64].tolist(), "the first batch, unshuffled"


def test_lightnings_learning_rate_finder_finds_the_same(compose_run, tmp_path: Path):
    finders = [LearningRateFinder(num_training_steps=8, early_stop_threshold=None) for _ in range(2)]
    lean, stock = (
        fit(compose_run, tmp_path, "scheduler=constant", fast=fast, callbacks=(finder,))
        for fast, finder in zip((True, False), finders, strict=True)
    )
    assert len(finders[0].optimal_lr.results["loss"]) == 8
    assert finders[0].optimal_lr.results == finders[1].optimal_lr.results
    assert_same(lean, stock)


def test_lightnings_batch_size_finder_leaves_the_same_fit(compose_run, tmp_path: Path):
    finders = [BatchSizeFinder(steps_per_trial=2, max_trials=2) for _ in range(2)]
    lean, stock = (
        fit(compose_run, tmp_path, "scheduler=constant", fast=fast, callbacks=(finder,))
        for fast, finder in zip((True, False), finders, strict=True)
    )
    assert finders[0].optimal_batch_size == finders[1].optimal_batch_size == 4  # 2, doubled
    assert_same(lean, stock)
