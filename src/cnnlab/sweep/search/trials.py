"""Runs the trials of a study as the tasks of a sweep."""

import sys
from collections.abc import Iterator

from optuna.pruners import NopPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from cnnlab.run.flaws import find_flaw
from cnnlab.run.result import objective_value
from cnnlab.run.status import Status
from cnnlab.sweep.job import Job
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.names import folder_name
from cnnlab.sweep.outcome import Outcome
from cnnlab.sweep.search.space import Space, Value
from cnnlab.sweep.search.storage import in_words, storage_errors
from cnnlab.sweep.task import Task

OWNER, REASON = "owner", "reason"  # user attributes of a trial
CALLBACK = "cnnlab.sweep.search.pruning.Pruning"
WITHOUT_STORAGE = "++hydra.sweeper.storage=null"  # an option of sweep= may set it, with a password
STATES = {Status.COMPLETED: TrialState.COMPLETE, Status.PRUNED: TrialState.PRUNED}


class Trials:
    """Asks a study for trials until it has enough, and tells it their outcomes.

    A trial whose run was interrupted stays open in the study, and is resumed by the next sweep.

    Args:
        study: From `open_study`.
        space: The search space.
        launcher: Makes the jobs and their commands.
        num_trials: The total number of trials in the study, including those of other sweeps.
        owner: The id that marks this sweep's trials.
        is_exclusive: Whether no other sweep can use this study.
    """

    def __init__(
        self,
        study: Study,
        space: Space,
        launcher: SweepLauncher,
        *,
        num_trials: int,
        owner: str,
        is_exclusive: bool,
    ) -> None:
        self.study = study
        self.num_trials = num_trials
        self._space = space
        self._launcher = launcher
        self._is_exclusive = is_exclusive
        self._owner = owner
        self._is_pruned = not isinstance(study.pruner, NopPruner)
        self._numbers: dict[str, int] = {}  # by job name
        self._unrecorded: list[Outcome] = []
        self._failure: Exception | None = None  # of the storage, when it was asked for a trial

    @property
    def num_done(self) -> int:
        """How many trials have finished."""
        return sum(trial.state.is_finished() for trial in self._trials())

    @property
    def num_todo(self) -> int:
        """How many trials remain to be run here."""
        return len(self._open_trials()) + max(0, self.num_trials - self.num_started)

    def tasks(self) -> Iterator[Task]:
        """First the open trials, then new ones, each drawn as late as possible, to use all results so far.

        If the storage fails, there are no more, so that those that are running can end; `record_late` then raises.
        """
        try:
            yield from self._tasks()
        except storage_errors() as error:
            self._failure = error
            message = f"no more trials are drawn: the study's storage cannot be used ({in_words(error)})"
            print(message, file=sys.stderr, flush=True)

    def _tasks(self) -> Iterator[Task]:
        for trial in self._open_trials():
            yield self._task(trial.number, self._reopen(trial))
        while self.num_started < self.num_trials:
            asked = self.study.ask(self._space.distributions)
            asked.set_user_attr(OWNER, self._owner)
            yield self._task(asked.number, asked.params)

    def record(self, outcome: Outcome) -> None:
        """Tells the study a job's outcome; if that is impossible now, `record_late` tries again."""
        try:
            self._report_outcome(outcome)
        except storage_errors() as error:
            message = f"{outcome.job.name}: its outcome cannot be stored in the study yet ({in_words(error)})"
            print(message, file=sys.stderr, flush=True)
            self._unrecorded.append(outcome)

    def record_late(self) -> None:
        """Tells the study the outcomes that could not be recorded before.

        Raises:
            storage_errors: If that is still impossible, which leaves it to the search's next start; or if `tasks` has
                ended early.
        """
        while self._unrecorded:
            self._report_outcome(self._unrecorded[0])
            del self._unrecorded[0]
        if self._failure is not None:
            raise self._failure

    def report_finished(self) -> None:
        """Tells the study about runs that finished, but whose sweep was killed before it could record them."""
        for trial in self._open_trials():
            job = self._job(trial.number, self._reopen(trial))
            status = job.folder.status
            if status is not None and status.is_final:
                self._report(trial.number, job, status, job.folder.error)

    def _report_outcome(self, outcome: Outcome) -> None:
        if not outcome.is_for_lack_of_space:  # else the trial stays open, and is resumed once there is room
            self._report(self._numbers[outcome.job.name], outcome.job, outcome.status, outcome.reason)

    def _report(self, number: int, job: Job, status: Status, reason: str) -> None:
        if status is Status.INTERRUPTED or self._trials()[number].state.is_finished():  # by a user, in a dashboard
            return
        result = job.folder.result()
        if status is Status.COMPLETED and (flaw := "it is missing" if result is None else find_flaw(result)):
            status, reason = Status.FAILED, f"its result.json is not a run's ({flaw})"
        value = objective_value(result) if status is Status.COMPLETED and result is not None else None
        state = STATES.get(status, TrialState.FAIL)
        if state is TrialState.COMPLETE and value is None:
            state, reason = TrialState.PRUNED, "the target was not reached"  # worse than all that reached it
        if reason:
            self._open(number).set_user_attr(REASON, f"{status}: {reason}")
        self.study.tell(number, value, state=state)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    @property
    def num_started(self) -> int:
        """How many trials have finished or are running, here or elsewhere."""
        return sum(trial.state.is_finished() or OWNER in trial.user_attrs for trial in self._trials())

    def _open_trials(self) -> list[FrozenTrial]:
        """Unfinished trials of this sweep; a trial may lack its owner if the sweep was killed while drawing it."""
        return [
            trial
            for trial in self._trials()
            if trial.state == TrialState.RUNNING
            and (self._is_exclusive or trial.user_attrs.get(OWNER) == self._owner)  # even if study.id was lost
        ]

    def _reopen(self, trial: FrozenTrial) -> dict[str, Value]:
        again = self._open(trial.number)
        again.set_user_attr(OWNER, self._owner)
        for name, distribution in self._space.distributions.items():
            again._suggest(name, distribution)  # as Study.ask does: the known value, or a new one
        return again.params

    def _open(self, number: int) -> Trial:
        return Trial(self.study, self._trials()[number]._trial_id)

    def _job(self, number: int, values: dict[str, Value]) -> Job:
        searched = self._space.searched(values)
        name = f"{number:04},{folder_name(','.join(sorted(searched))) or 'job'}"
        self._numbers[name] = number
        own = (
            [f"+callbacks.pruning._target_={CALLBACK}", f"+callbacks.pruning.trial={number}"] if self._is_pruned else []
        )
        return self._launcher.make_job((*self._space.fixed, *searched, *own, WITHOUT_STORAGE), name, number)

    def _task(self, number: int, values: dict[str, Value]) -> Task:
        return self._launcher.make_task(self._job(number, values))
