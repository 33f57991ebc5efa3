"""A pruner's view of a run."""

from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.study import Study

from cnnlab.sweep.search.pruning import Pruning
from cnnlab.training.classifier import Classifier


def test_a_study_that_cannot_be_reached_costs_a_line_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    study = optuna.create_study()
    callback = Pruning(trial=study.ask().number)
    callback._trial, callback.metric = optuna.Trial(study, study.trials[0]._trial_id), "val/acc"
    trainer: Any = SimpleNamespace(
        current_epoch=0, max_epochs=3, strategy=SimpleNamespace(broadcast=lambda reason: reason)
    )
    module = object.__new__(Classifier)
    object.__setattr__(module, "measured", {"val/acc": 0.5})

    def fail(*args: object, **kwargs: object) -> None:
        raise StorageInternalError("in general") from OSError("database is locked")

    with monkeypatch.context() as locked:
        locked.setattr(Study, "get_trials", fail)
        callback.on_train_epoch_end(trainer, module)
    assert capsys.readouterr().err == "epoch 1 is not reported to the study: database is locked\n"
    trainer.current_epoch = 1
    callback.on_train_epoch_end(trainer, module)
    assert study.trials[0].intermediate_values == {2: 0.5}
