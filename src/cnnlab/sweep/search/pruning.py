"""Prunes a run that does not look promising."""

import sys
from typing import TYPE_CHECKING

from lightning import Callback, LightningModule, Trainer

from cnnlab.errors import Pruned, UserError
from cnnlab.experiment.targets import instantiate
from cnnlab.training.classifier import Classifier

if TYPE_CHECKING:
    import optuna


class Pruning(Callback):
    """Reports each epoch's validation metric to an Optuna study, and ends the run if the study's pruner decides so.

    A run that is resumed by hand, outside its search, is not pruned.

    Args:
        trial: The number of the run's trial in the study.
    """

    def __init__(self, trial: int) -> None:
        self.number = trial
        self.metric = ""
        self._trial: optuna.Trial | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Loads the trial, in one process."""
        from cnnlab.sweep.search.study_info import StudyInfo

        info = StudyInfo.read()
        if info is None or not trainer.is_global_zero:
            return
        import optuna

        from cnnlab.sweep.search.storage import open_storage
        from cnnlab.sweep.search.study import quieten

        quieten()
        study = optuna.load_study(
            study_name=info.study,
            storage=open_storage(info.storage),
            pruner=instantiate(info.pruner, "hydra.sweeper.pruner"),
        )
        trials = study.get_trials(deepcopy=False)
        if self.number >= len(trials):
            raise UserError(f"the study {info.study} has no trial {self.number} any more; start the search again")
        self.metric = info.metric
        self._trial = optuna.Trial(study, trials[self.number]._trial_id)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Reports the epoch, counted from 1, and asks the pruner; all processes of a run end together."""
        assert isinstance(pl_module, Classifier)
        epoch = trainer.current_epoch + 1
        reason = ""
        if self._trial is not None:
            is_last = epoch == trainer.max_epochs
            reason = self._report(self._trial, pl_module.measured[self.metric], epoch, is_last=is_last)
        if reason := trainer.strategy.broadcast(reason):
            raise Pruned(reason)

    def _report(self, trial: "optuna.Trial", value: float, epoch: int, *, is_last: bool) -> str:
        """Reports an epoch, and returns why the run is pruned; empty if it is not."""
        from cnnlab.sweep.search.storage import in_words, storage_errors

        try:
            known = trial.study.get_trials(deepcopy=False)[self.number].intermediate_values
            if epoch not in known:  # else reported before the run was killed
                trial.report(value, epoch)
            is_pruned = not is_last and trial.should_prune()
        except storage_errors() as error:  # the run need not fail for it
            print(f"epoch {epoch} is not reported to the study: {in_words(error)}", file=sys.stderr, flush=True)
            return ""
        return f"after epoch {epoch}, by {type(trial.study.pruner).__name__}" if is_pruned else ""
