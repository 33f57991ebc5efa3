"""Plans which jobs of a sweep to start, resume, retry or skip."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError, one_line
from cnnlab.experiment.check import data_is_available
from cnnlab.experiment.identity import difference
from cnnlab.program import as_typed
from cnnlab.run.claim import check_entries
from cnnlab.run.flaws import find_flaw
from cnnlab.run.folder import LOCK
from cnnlab.run.status import Status
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import Job
from cnnlab.sweep.names import older_names, with_number


class Action(Enum):
    """What a sweep does with a job."""

    START = "new"
    RESUME = "to resume"
    RETRY = "to retry"
    SKIP = "done"

    @classmethod
    def after(cls, status: Status) -> "Action":
        """The action for a run with this status."""
        if status.is_final:
            return cls.SKIP
        return cls.RESUME if status.can_resume else cls.RETRY


@dataclass(frozen=True)
class Step:
    """A job and the action planned for it.

    Attributes:
        remark: How its config differs from that of an earlier run with this name; empty if it does not.
    """

    job: Job
    action: Action
    remark: str = ""


def unique_jobs(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, if no two of them would share a folder.

    Raises:
        UserError: If there are no jobs, or two have the same name.
    """
    by_name: dict[str, Job] = {}
    for job in jobs:
        same = by_name.setdefault(job.name, job)
        if same.overrides != job.overrides:
            both = " and ".join(" ".join(each.overrides) for each in (same, job))
            raise UserError(f"two jobs would share the folder {job.name}: {both}; set each key once")
        if same is not job:
            raise UserError(f"the job {job.name} is repeated, which would be the same run; give each value once")
    if not by_name:
        raise UserError("this sweep has no jobs: one of the swept values is an empty list; see --help for the options")
    return list(by_name.values())


def check_case(folder: Path, jobs: Iterable[Job]) -> None:
    """Rejects names that differ only in case on a file system that does not tell them apart.

    Args:
        folder: The sweep's folder, which is locked.
        jobs: The jobs.

    Raises:
        UserError: If two jobs would share a folder.
    """
    if not (folder / LOCK.upper()).exists():
        return  # there is only a `.lock`
    by_name: dict[str, str] = {}
    for job in jobs:
        same = by_name.setdefault(job.name.casefold(), job.name)
        if same != job.name:
            raise UserError(f"two jobs would share a folder on this file system: {same} and {job.name}; rename a value")


def plan(
    jobs: Iterable[Job],
    compose: Callable[[Job], DictConfig],
    known: Container[Job] = frozenset(),
    options: Mapping[str, Any] = MappingProxyType({}),
) -> list[Step]:
    """Plans each job from its folder.

    What is in a folder is kept unless it is a run of this job; the job then gets a new folder beside it.

    Args:
        jobs: In the sweep's order.
        compose: Composes a job's current config.
        known: Jobs whose runs are known to have that config.
        options: The sweep's option of each config group, which a job's overrides may change.
    """
    return [_step(job, compose, known, options) for job in jobs]


def _step(job: Job, compose: Callable[[Job], DictConfig], known: Container[Job], options: Mapping[str, Any]) -> Step:
    job = _in_older_folder(job)
    remark, now, name = "", None, job.name
    for number in itertools.count(2):
        foreign = _foreign(job)
        if foreign is None:
            status = job.folder.status
            if status is None:
                return Step(job, Action.START, remark)
            if job in known:
                return Step(job, Action.after(status), remark)
            now = compose(job) if now is None else now
            foreign = _changed(job, now, options)
            if foreign is None:
                return Step(job, Action.after(status), remark)
            what = "the old result"
        else:
            what = "it"
        remark = f"{foreign}: beside {what}"
        job = Job.in_sweep(job.folder.path.parent, with_number(name, number), job.overrides, job.number)
    raise AssertionError("there is always another number")


def _in_older_folder(job: Job) -> Job:
    """The job with the name that its folder got from an older version, if there is such a folder and no newer one."""
    folder = job.folder.path
    if not os.path.lexists(folder):
        for name in older_names(job.name):
            if os.path.lexists(folder.with_name(name)):
                return Job.in_sweep(folder.parent, name, job.overrides, job.number)
    return job


def _foreign(job: Job) -> str | None:
    """Why what is in a job's place is no run, or one that cannot be resumed; None if it is neither."""
    folder = job.folder
    try:
        if not os.path.lexists(folder.path):
            return None
        if not folder.path.is_dir():
            return f"{job.name} is not a folder"
        others, status = folder.other_files(), folder.status
    except OSError as error:
        return f"{job.name} cannot be read ({error.strerror})"
    if status is None:
        return f"{job.name} holds no run, but {others[0]}" if others else None
    if status.is_final:
        flaw = find_flaw(folder.result() or {})
        return f"{folder.result_json} is not a run's ({flaw})" if flaw else None
    try:
        folder.overrides()  # a resume needs them
        if status in (Status.INTERRUPTED, Status.KILLED):
            check_entries(folder)  # as the resume will
    except OSError as error:
        return f"{job.name} cannot be read ({error.strerror})"
    except UserError as error:
        return str(error).partition("; ")[0]
    return None


def _changed(job: Job, now: DictConfig, options: Mapping[str, Any]) -> str | None:
    """Why an earlier run does not count as this job's; None if it does."""
    try:
        change = difference(job.folder.config(), now)
    except UserError as error:
        return str(error).partition("; ")[0]
    except Exception as error:  # anything, since anything may be recorded
        return f"its recorded config is damaged ({one_line(error)})"
    if change is not None:
        return _option_change(job, change.name, options) or (
            f"{change.name} was {as_typed(change.before)} and is now {as_typed(change.now)}"
        )
    if job.folder.fallback is not None and data_is_available(now):
        return f"data={now.data.name} was unavailable, so it used {job.folder.fallback}, and is available now"
    return None


def _option_change(job: Job, name: str, options: Mapping[str, Any]) -> str | None:
    """The change as that of a group's option, which is what users choose; None if it is only a value's."""
    group = name.partition(".")[0]
    now = dict(text.partition("=")[::2] for text in job.overrides).get(group, options.get(group))
    try:
        before = job.folder.option_names().get(group)
    except (UserError, OmegaConfBaseException, AttributeError, TypeError, ValueError):
        return None
    if before is None or now is None or before == now:
        return None
    return f"{group} was {before} and is now {now}"


def print_plan(
    folder: Path, steps: list[Step], at_a_time: int | None, estimate: Estimate, *, list_all: bool = False
) -> None:
    """Prints the plan.

    Args:
        folder: The sweep's folder.
        steps: The plan.
        at_a_time: How many jobs run at a time, if known.
        estimate: The duration of one job.
        list_all: Whether to list all jobs, and not only those with a remark.
    """
    counts = Counter(step.action for step in steps)
    parts = ", ".join(f"{count} {action.value}" for action, count in counts.items())
    print(f"{folder}: {len(steps)} jobs, {at_a_time_text(at_a_time)} ({parts})", flush=True)
    if todo := len(steps) - counts[Action.SKIP]:
        print(estimate.text(todo, at_a_time=at_a_time), flush=True)
    for step in steps:
        if list_all or step.remark:
            print(f"  {step.job.name}: {step.action.value}" + (f"; {step.remark}" if step.remark else ""), flush=True)


def at_a_time_text(num: int | None) -> str:
    """How many jobs run at a time, in words."""
    return f"{num} at a time" if num is not None else "as many at a time as the cluster has room for"
