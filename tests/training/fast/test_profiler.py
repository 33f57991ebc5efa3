from pathlib import Path

from lightning.pytorch.profilers import SimpleProfiler

from cnnlab.training.build import build_classifier, build_data, build_trainer
from cnnlab.training.fast.profiler import NoProfiler
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=3", "+trainer.enable_checkpointing=false")


def test_it_takes_lightnings_place_and_records_nothing(compose_run, tmp_path: Path):
    trainer = build_trainer(compose_run(*SHORT), tmp_path, [], None)
    assert type(trainer.profiler) is NoProfiler
    with trainer.profiler.profile("outer"), trainer.profiler.profile("inner"):
        trainer.profiler.start("anything")
        trainer.profiler.stop("something else")
    assert trainer.profiler.summary() == ""


def test_a_profiler_that_was_asked_for_sees_every_step(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "+trainer.profiler=simple")
    trainer = build_trainer(config, tmp_path, [], None)
    trainer.fit(build_classifier(config), datamodule=build_data(config))
    assert isinstance(trainer.profiler, SimpleProfiler)
    assert len(trainer.profiler.recorded_durations["run_training_batch"]) == 3
