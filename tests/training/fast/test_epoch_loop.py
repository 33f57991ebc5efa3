"""The lean loop against Lightning's own: the same calls, counts and bits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from cnnlab.training.build import build_averaging, build_classifier, build_data, build_trainer
from cnnlab.training.fast.epoch_loop import STEP_HOOKS, LeanEpochLoop
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=6", "optimizer=adam", "scheduler=cosine")


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
        self.entries.append((hook, trainer.global_step, trainer.is_last_batch, seen, module.lr, loss))

    return note


for name in STEP_HOOKS:
    setattr(Diary, name, _noting(name))


def fit(compose_run, folder: Path, overrides: tuple[str, ...], *, lean: bool) -> tuple[Any, ...]:
    config, diary = compose_run(*SHORT, *overrides, "+trainer.enable_checkpointing=false"), Diary()
    classifier = build_classifier(config)
    trainer = build_trainer(config, folder, [*build_averaging(config), diary], None)
    assert isinstance(trainer.fit_loop.epoch_loop, LeanEpochLoop)
    if not lean:
        trainer.fit_loop.epoch_loop = _TrainingEpochLoop(trainer)
    trainer.fit(classifier, datamodule=build_data(config))
    trainer.save_checkpoint(folder / "last.ckpt")
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    return diary.entries, checkpoint["loops"], checkpoint["state_dict"], dict(trainer.callback_metrics)


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
    lean = fit(compose_run, tmp_path, overrides, lean=True)
    stock = fit(compose_run, tmp_path, overrides, lean=False)
    assert [str(entry) for entry in lean[0]] == [str(entry) for entry in stock[0]]  # the lr is nan before a step
    assert lean[1] == stock[1]
    assert all(torch.equal(lean[2][name], stock[2][name]) for name in stock[2])
    assert lean[3] == stock[3]


def test_a_plain_fit_takes_it(compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    taken: list[bool] = []
    monkeypatch.setattr(_TrainingEpochLoop, "advance", lambda self, fetcher: taken.append(False) or next(fetcher))
    fit(compose_run, tmp_path, (), lean=True)
    assert not taken
