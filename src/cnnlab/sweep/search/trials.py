"""The trials of a study as the tasks of a sweep."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from cnnlab.config import flatten
from cnnlab.result import objective_value, read_result
from cnnlab.resume import quote
from cnnlab.rules import as_typed
from cnnlab.sweep.job import FINAL, Job
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.outcome import Outcome
from cnnlab.sweep.plan import job_name
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.study import make_pruner
from cnnlab.sweep.task import Task

FOLDER, REASON = "folder", "reason"  # user attributes of a trial
STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


class Trials:
    """Asks a study for trials until it has so many, and tells it what came of them.

    A trial whose run was interrupted stays open in the study, and goes on the next time.

    Args:
        study: Of `open_study`.
        space: What is searched.
        launcher: Knows the commands.
        config: With Hydra's part.
        num_trials: How many the study is to have, those of earlier sweeps and of others included.
        is_alone: Whether no other sweep can be at work on this study.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        launcher: SweepLauncher,
        config: DictConfig,
        *,
        num_trials: int,
        is_alone: bool,
    ) -> None:
        self.study = study
        self.num_trials = num_trials
        self._space = space
        self._launcher = launcher
        self._pruning = _pruning(config, study.study_name) if make_pruner(config) is not None else {}
        self._is_alone = is_alone
        self._folder = str(launcher.folder.resolve())
        self._numbers: dict[str, int] = {}  # of a job's name
        self._settle()

    @property
    def num_done(self) -> int:
        """How many trials are at an end."""
        return sum(trial.state.is_finished() for trial in self._trials())

    @property
    def num_todo(self) -> int:
        """How many are to be run here, as it looks now."""
        return len(self._left_open()) + max(0, self.num_trials - self._num_begun())

    def tasks(self) -> Iterator[Task]:
        """First the trials that were left open, then new ones; each as late as it can be, to know most."""
        for trial in self._left_open():
            yield self._task(trial.number, self._ask_again(trial))
        while self._num_begun() < self.num_trials:
            asked = self.study.ask(self._space.distributions)
            asked.set_user_attr(FOLDER, self._folder)
            yield self._task(asked.number, asked.params)

    def hear(self, outcome: Outcome) -> None:
        """Tells the study what came of a job."""
        self._tell(self._numbers[outcome.job.name], outcome.job, outcome.status, outcome.reason)

    def _settle(self) -> None:
        """Tells what came of trials while no sweep listened: it was killed, and their runs were at an end."""
        for trial in self._left_open():
            job = self._job(trial.number, self._ask_again(trial))
            if job.status in FINAL:
                self._tell(trial.number, job, str(job.status), job.error)

    def _tell(self, number: int, job: Job, status: str, reason: str) -> None:
        if status == "interrupted":
            return
        result = read_result(job.folder)
        value = objective_value(result) if status == "completed" and result is not None else None
        state = STATES.get(status, TrialState.FAIL)
        if state is TrialState.COMPLETE and value is None:
            state, reason = TrialState.PRUNED, "the target was not reached"  # worse than all that were
        if reason:
            self._open(number).set_user_attr(REASON, f"{status}: {reason}")
        self.study.tell(number, value, state=state)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _num_begun(self) -> int:
        return sum(trial.state.is_finished() or FOLDER in trial.user_attrs for trial in self._trials())

    def _left_open(self) -> list[FrozenTrial]:
        """Trials of this folder that are not at an end; one killed while it was asked for may not say whose it is."""
        default = self._folder if self._is_alone else None
        return [
            trial
            for trial in self._trials()
            if trial.state == TrialState.RUNNING and trial.user_attrs.get(FOLDER, default) == self._folder
        ]

    def _ask_again(self, trial: FrozenTrial) -> dict[str, object]:
        again = self._open(trial.number)
        again.set_user_attr(FOLDER, self._folder)
        for name, distribution in self._space.distributions.items():
            again._suggest(name, distribution)  # what Study.ask calls: the known value, or one if it had none yet
        return again.params

    def _open(self, number: int) -> Trial:
        return Trial(self.study, self._trials()[number]._trial_id)

    def _job(self, number: int, values: dict[str, object]) -> Job:
        searched = self._space.searched(values)  # type: ignore[arg-type]
        name = f"{number:04},{job_name(searched, ())}"
        self._numbers[name] = number
        return self._launcher.make_job((*self._space.fixed, *searched, *self._callback(number)), name)

    def _task(self, number: int, values: dict[str, object]) -> Task:
        return self._launcher.make_task(self._job(number, values))

    def _callback(self, number: int) -> Iterator[str]:
        for name, value in (self._pruning | {"trial": number}).items() if self._pruning else ():
            yield f"+callbacks.pruning.{name}={quote(value) if isinstance(value, str) else as_typed(value)}"


def _pruning(config: DictConfig, study: str) -> dict[str, Any]:
    """Arguments of the callback that prunes a run, but for its number."""
    pruner = OmegaConf.to_container(config.hydra.sweeper.pruner, resolve=True)
    arguments = {
        "_target_": "cnnlab.training.Pruning",
        "study": study,
        "metric": config.objective,
        "pruner": pruner,
    }
    return dict(flatten(arguments))
