"""Short fits of the same experiment, in the lean loop and in Lightning's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import Callback, Trainer

from cnnlab.data import ImageDataModule
from cnnlab.training.build import build_averaging, build_classifier, build_data, build_trainer
from cnnlab.training.classifier import Classifier
from cnnlab.training.fast.epoch_loop import LeanEpochLoop
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=2", "trainer.limit_train_batches=6", "optimizer=adam", "scheduler=cosine")


class Parts(NamedTuple):
    """What a user may have changed before a fit."""

    trainer: Trainer
    classifier: Classifier
    data: ImageDataModule


class Fit(NamedTuple):
    """How a fit ended."""

    trainer: Trainer
    loops: dict[str, Any]  # the counts
    weights: dict[str, torch.Tensor]
    metrics: dict[str, torch.Tensor]


def fit(
    compose_run: Callable[..., Any],
    folder: Path,
    *overrides: str,
    fast: bool,
    callbacks: tuple[Callback, ...] = (),
    change: Callable[[Parts], None] = lambda parts: None,
    checkpoint: Path | None = None,
) -> Fit:
    switch = f"trainer.fast={str(fast).lower()}"
    config = compose_run(*SHORT, *overrides, switch, "+trainer.enable_checkpointing=false")
    classifier, data = build_classifier(config), build_data(config)
    trainer = build_trainer(config, folder, [*build_averaging(config), *callbacks], None)
    change(Parts(trainer, classifier, data))
    trainer.fit(classifier, datamodule=data, ckpt_path=checkpoint)
    trainer.save_checkpoint(folder / f"{fast}.ckpt")
    saved = torch.load(folder / f"{fast}.ckpt", weights_only=True)
    return Fit(trainer, saved["loops"], saved["state_dict"], dict(trainer.callback_metrics))


def is_lean(trainer: Trainer) -> bool:
    """Whether the last epoch of a fit was lean."""
    loop = trainer.fit_loop.epoch_loop
    return isinstance(loop, LeanEpochLoop) and loop._hooks is not None


def assert_same(first: Fit, second: Fit) -> None:
    """The same counts, bits and metrics."""
    assert first.loops == second.loops
    assert first.weights.keys() == second.weights.keys()
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in second.weights)
    assert first.metrics == second.metrics
