"""A sampler of Optuna's for studies that are asked and told."""

from collections.abc import Sequence

from optuna.samplers import GridSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState


class EveryCombination(GridSampler):
    """Optuna's grid; that one ends `Study.optimize` after the last combination, and fails where there is none."""

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Nothing: the search counts."""
