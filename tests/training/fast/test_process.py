from pathlib import Path

import pytest
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop
from lightning.pytorch.profilers import PassThroughProfiler

from cnnlab.training.build import build_classifier, build_data, build_trainer
from cnnlab.training.fast import process
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=1", "+trainer.enable_checkpointing=false")


@pytest.mark.parametrize("fast", [True, False])
def test_settings_are_made_once_a_fit_unless_it_is_not_to_be_fast(
    compose_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
):
    made: list[str] = []
    for name in ("keep_freed_memory", "cache_gpu_check"):
        monkeypatch.setattr(process, name, lambda name=name: made.append(name))
    config = compose_run(*SHORT, f"trainer.fast={str(fast).lower()}")
    build_trainer(config, tmp_path, [], None).fit(build_classifier(config), datamodule=build_data(config))
    assert made == ["keep_freed_memory", "cache_gpu_check"] * fast


def test_a_trainer_that_is_not_to_be_fast_is_lightnings_own(compose_run, tmp_path: Path):
    trainer = build_trainer(compose_run(*SHORT, "trainer.fast=false"), tmp_path, [], None)
    assert type(trainer.fit_loop.epoch_loop) is _TrainingEpochLoop
    assert type(trainer.profiler) is PassThroughProfiler
    assert not any(type(callback).__module__.startswith("cnnlab") for callback in trainer.callbacks)
