"""The trials of a study as the tasks of a sweep."""

from collections.abc import Iterator

from optuna.pruners import NopPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from cnnlab.run.result import objective_value
from cnnlab.run.status import Status
from cnnlab.sweep.job import Job
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.names import job_name
from cnnlab.sweep.outcome import Outcome
from cnnlab.sweep.search.space import Space, Value
from cnnlab.sweep.task import Task

OWNER, REASON = "owner", "reason"  # user attributes of a trial
CALLBACK = "cnnlab.sweep.search.pruning.Pruning"
WITHOUT_STORAGE = "++hydra.sweeper.storage=null"  # which a file of sweep=… may have set, with a password
STATES = {Status.COMPLETED: TrialState.COMPLETE, Status.PRUNED: TrialState.PRUNED}


class Trials:
    """Asks a study for trials until it has so many, and tells it what came of them.

    A trial whose run was interrupted stays open in the study, and goes on the next time.

    Args:
        study: Of `open_study`.
        space: What is searched.
        launcher: Knows the commands.
        num_trials: How many the study is to have, those of earlier sweeps and of others included.
        owner: Whose the trials are that are asked for here.
        is_alone: Whether no other sweep can be at work on this study.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        launcher: SweepLauncher,
        *,
        num_trials: int,
        owner: str,
        is_alone: bool,
    ) -> None:
        self.study = study
        self.num_trials = num_trials
        self._space = space
        self._launcher = launcher
        self._is_alone = is_alone
        self._owner = owner
        self._is_pruned = not isinstance(study.pruner, NopPruner)
        self._numbers: dict[str, int] = {}  # of a job's name

    @property
    def num_done(self) -> int:
        """How many trials are at an end."""
        return sum(trial.state.is_finished() for trial in self._trials())

    @property
    def num_todo(self) -> int:
        """How many are to be run here, as it looks now."""
        return len(self._left_open()) + max(0, self.num_trials - self.num_begun)

    def tasks(self) -> Iterator[Task]:
        """First the trials that were left open, then new ones; each as late as it can be, to know most."""
        for trial in self._left_open():
            yield self._task(trial.number, self._ask_again(trial))
        while self.num_begun < self.num_trials:
            asked = self.study.ask(self._space.distributions)
            asked.set_user_attr(OWNER, self._owner)
            yield self._task(asked.number, asked.params)

    def hear(self, outcome: Outcome) -> None:
        """Tells the study what came of a job."""
        self._tell(self._numbers[outcome.job.name], outcome.job, outcome.status, outcome.reason)

    def settle(self) -> None:
        """Tells what came of trials while no sweep listened: it was killed, and their runs were at an end."""
        for trial in self._left_open():
            job = self._job(trial.number, self._ask_again(trial))
            status = job.folder.status
            if status is not None and status.is_final:
                self._tell(trial.number, job, status, job.folder.error)

    def _tell(self, number: int, job: Job, status: Status, reason: str) -> None:
        if status is Status.INTERRUPTED or self._trials()[number].state.is_finished():  # by hand, in a dashboard
            return
        result = job.folder.result()
        value = objective_value(result) if status is Status.COMPLETED and result is not None else None
        state = STATES.get(status, TrialState.FAIL)
        if state is TrialState.COMPLETE and value is None:
            state, reason = TrialState.PRUNED, "the target was not reached"  # worse than all that were
        if reason:
            self._open(number).set_user_attr(REASON, f"{status}: {reason}")
        self.study.tell(number, value, state=state)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    @property
    def num_begun(self) -> int:
        """How many are at an end or on their way, here or elsewhere."""
        return sum(trial.state.is_finished() or OWNER in trial.user_attrs for trial in self._trials())

    def _left_open(self) -> list[FrozenTrial]:
        """Trials of this sweep that are not at an end; one killed while it was asked for may not say whose it is."""
        default = self._owner if self._is_alone else None
        return [
            trial
            for trial in self._trials()
            if trial.state == TrialState.RUNNING and trial.user_attrs.get(OWNER, default) == self._owner
        ]

    def _ask_again(self, trial: FrozenTrial) -> dict[str, Value]:
        again = self._open(trial.number)
        again.set_user_attr(OWNER, self._owner)
        for name, distribution in self._space.distributions.items():
            again._suggest(name, distribution)  # what Study.ask calls: the known value, or one if it had none yet
        return again.params

    def _open(self, number: int) -> Trial:
        return Trial(self.study, self._trials()[number]._trial_id)

    def _job(self, number: int, values: dict[str, Value]) -> Job:
        searched = self._space.searched(values)
        name = f"{number:04},{job_name(searched, ())}"
        self._numbers[name] = number
        own = (
            [f"+callbacks.pruning._target_={CALLBACK}", f"+callbacks.pruning.trial={number}"] if self._is_pruned else []
        )
        return self._launcher.make_job((*self._space.fixed, *searched, *own, WITHOUT_STORAGE), name)

    def _task(self, number: int, values: dict[str, Value]) -> Task:
        return self._launcher.make_task(self._job(number, values))
