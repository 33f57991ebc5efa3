"""A search whose storage fails while its trials run."""

from pathlib import Path
from typing import Any, cast

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.exceptions import StorageInternalError
from optuna.study import Study
from optuna.trial import TrialState

from cnnlab.run.status import Status
from cnnlab.sweep import Job, SweepLauncher, Task
from cnnlab.sweep.outcome import Outcome
from cnnlab.sweep.search import Space
from cnnlab.sweep.search.trials import Trials
from tests.sweep.runs import begin, end

SPACE = Space.of(OverridesParser.create().parse_overrides(["optimizer.lr=interval(0.1,1)"]))


class Launcher:
    """Makes jobs, as a SweepLauncher does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make_job(self, overrides: tuple[str, ...], name: str, number: int) -> Job:
        return Job.in_sweep(self.folder, name, overrides, number)

    def make_task(self, job: Job) -> Task:
        return Task(job, Path("train.py"), job.overrides)


class Storage:
    """Fails while it is locked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_locked = False
        for name in ("tell", "ask"):
            monkeypatch.setattr(Study, name, self._guarded(getattr(Study, name)))

    def _guarded(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_locked:
                raise StorageInternalError("in general") from OSError("database is locked")
            return method(*args, **kwargs)

        return call


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    return Storage(monkeypatch)


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    study = optuna.create_study(pruner=optuna.pruners.NopPruner())
    launcher = cast("SweepLauncher", Launcher(tmp_path))
    return Trials(study, SPACE, launcher, num_trials=3, owner="me", is_exclusive=True)


def complete(job: Job) -> Outcome:
    begin(job)
    end(job, "completed", metrics={"val/acc": 0.5}, params={"objective": "val/acc"})
    return Outcome(job, Status.COMPLETED, "", 1.0)


def test_an_outcome_that_cannot_be_stored_is_stored_at_the_end(
    trials: Trials, storage: Storage, capsys: pytest.CaptureFixture[str]
):
    task = next(trials.tasks())
    storage.is_locked = True
    trials.record(complete(task.job))
    line = f"{task.job.name}: its outcome cannot be stored in the study yet (database is locked)\n"
    assert capsys.readouterr().err == line
    for _ in range(2):
        with pytest.raises(StorageInternalError):  # which search() explains, with exit code 2
            trials.record_late()
    storage.is_locked = False
    trials.record_late()
    assert [(trial.state, trial.value) for trial in trials.study.trials] == [(TrialState.COMPLETE, 0.5)]


def test_a_storage_that_fails_when_it_is_asked_lets_the_running_trials_end(
    trials: Trials, storage: Storage, capsys: pytest.CaptureFixture[str]
):
    tasks = trials.tasks()
    task = next(tasks)
    storage.is_locked = True
    assert list(tasks) == []
    assert capsys.readouterr().err == (
        "no more trials are drawn: the study's storage cannot be used (database is locked)\n"
    )
    storage.is_locked = False
    trials.record(complete(task.job))
    with pytest.raises(StorageInternalError):
        trials.record_late()
    assert trials.num_done == 1


def test_a_trial_whose_disk_was_full_stays_open(trials: Trials):
    tasks = trials.tasks()
    reasons = ("cannot write the run's files: No space left on device: /x", "RuntimeError: a bug")
    for reason in reasons:
        trials.record(Outcome(next(tasks).job, Status.FAILED, reason, 1.0))
    assert [trial.state for trial in trials.study.trials] == [TrialState.RUNNING, TrialState.FAIL]
    assert trials.num_todo == 2
