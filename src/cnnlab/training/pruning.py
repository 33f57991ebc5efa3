"""Ends a run that a search has no use for."""

import os
from typing import TYPE_CHECKING

from lightning import Callback, LightningModule, Trainer

from cnnlab.errors import Pruned
from cnnlab.training.classifier import Classifier

if TYPE_CHECKING:
    import optuna


class Pruning(Callback):
    """Reports each epoch's validation to an Optuna study, and ends the run if the study's pruner says so.

    A run that is gone on with by hand, outside its search, is not pruned.

    Args:
        study: Its name.
        trial: The run's number in it.
        pruner: The study's.
        metric: What is reported: `val/acc` or `val/loss`.
    """

    def __init__(self, study: str, trial: int, pruner: "optuna.pruners.BasePruner", metric: str) -> None:
        self.study = study
        self.number = trial
        self.pruner = pruner
        self.metric = metric
        self._trial: optuna.Trial | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finds the trial, in one process."""
        from cnnlab.sweep.search.study import Storage, open_storage, quieten

        storage = os.environ.get(Storage.VARIABLE)
        if storage is None or not trainer.is_global_zero:
            return
        import optuna

        quieten()
        study = optuna.load_study(study_name=self.study, storage=open_storage(storage), pruner=self.pruner)
        self._trial = optuna.Trial(study, study.get_trials(deepcopy=False)[self.number]._trial_id)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reports the epoch, from 1, and asks; all processes of a run end together."""
        assert isinstance(pl_module, Classifier)
        epoch, is_last = trainer.current_epoch + 1, trainer.current_epoch + 1 == trainer.max_epochs
        is_pruned = False
        if self._trial is not None:
            value = pl_module.measured[self.metric]
            known = self._trial.study.get_trials(deepcopy=False)[self.number].intermediate_values
            if epoch not in known:  # by a process that was killed after it had reported
                self._trial.report(value, epoch)
            is_pruned = not is_last and self._trial.should_prune()
        if trainer.strategy.broadcast(is_pruned):
            raise Pruned(f"after epoch {epoch}, by {type(self._trial.study.pruner).__name__}" if self._trial else "")
