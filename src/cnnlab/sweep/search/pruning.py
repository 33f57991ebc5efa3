"""Ends a run that a search has no use for."""

from typing import TYPE_CHECKING

from hydra.utils import instantiate
from lightning import Callback, LightningModule, Trainer

from cnnlab.errors import Pruned
from cnnlab.training.classifier import Classifier

if TYPE_CHECKING:
    import optuna


class Pruning(Callback):
    """Reports each epoch's validation to an Optuna study, and ends the run if the study's pruner says so.

    A run that is gone on with by hand, outside its search, is not pruned.

    Args:
        trial: The run's number in the study.
    """

    def __init__(self, trial: int) -> None:
        self.number = trial
        self.metric = ""
        self._trial: optuna.Trial | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finds the trial, in one process."""
        from cnnlab.sweep.search.announcement import Announcement

        told = Announcement.read()
        if told is None or not trainer.is_global_zero:
            return
        import optuna

        from cnnlab.sweep.search.study import open_storage, quieten

        quieten()
        study = optuna.load_study(
            study_name=told.study, storage=open_storage(told.storage), pruner=instantiate(told.pruner)
        )
        self.metric = told.metric
        self._trial = optuna.Trial(study, study.get_trials(deepcopy=False)[self.number]._trial_id)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reports the epoch, from 1, and asks; all processes of a run end together."""
        assert isinstance(pl_module, Classifier)
        epoch = trainer.current_epoch + 1
        reason = ""
        if self._trial is not None:
            known = self._trial.study.get_trials(deepcopy=False)[self.number].intermediate_values
            if epoch not in known:  # by a process that was killed after it had reported
                self._trial.report(pl_module.measured[self.metric], epoch)
            if epoch != trainer.max_epochs and self._trial.should_prune():
                reason = f"after epoch {epoch}, by {type(self._trial.study.pruner).__name__}"
        if reason := trainer.strategy.broadcast(reason):
            raise Pruned(reason)
