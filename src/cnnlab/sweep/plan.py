"""Plans which jobs of a sweep to start, resume, retry or skip."""

import itertools
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from cnnlab.errors import UserError
from cnnlab.experiment.check import data_is_available
from cnnlab.experiment.identity import difference
from cnnlab.experiment.schema import as_typed
from cnnlab.run.status import Status
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import Job


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
    """The jobs without duplicates.

    Raises:
        UserError: If there are no jobs, or two different jobs would share a folder.
    """
    by_name: dict[str, Job] = {}
    for job in jobs:
        same = by_name.setdefault(job.name, job)
        if same.overrides != job.overrides:
            both = " and ".join(" ".join(each.overrides) for each in (same, job))
            raise UserError(f"two jobs would share the folder {job.name}: {both}; set each key once")
    if not by_name:
        raise UserError("this sweep has no jobs: one of the swept values is an empty list; see --help for the options")
    return list(by_name.values())


def plan(jobs: Iterable[Job], compose: Callable[[Job], DictConfig], known: Container[Job] = frozenset()) -> list[Step]:
    """Plans each job from its folder.

    A run with another config is kept; the job then gets a new folder beside it.

    Args:
        jobs: In the sweep's order.
        compose: Composes a job's current config.
        known: Jobs whose runs are known to have that config.
    """
    return [_step(job, compose, known) for job in jobs]


def _step(job: Job, compose: Callable[[Job], DictConfig], known: Container[Job]) -> Step:
    remark, now = "", None
    for number in itertools.count(2):
        status = job.folder.status
        if status is None:
            return Step(job, Action.START, remark)
        if job in known:
            return Step(job, Action.after(status), remark)
        now = compose(job) if now is None else now
        changed = _changed(job, now)
        if changed is None:
            return Step(job, Action.after(status), remark)
        remark = f"{changed}: beside the old result"
        job = Job.in_sweep(job.folder.path.parent, f"{job.name.partition('~')[0]}~{number}", job.overrides, job.number)
    raise AssertionError("there is always another number")


def _changed(job: Job, now: DictConfig) -> str | None:
    """Why an earlier run does not count as this job's; None if it does."""
    try:
        change = difference(job.folder.config(), now)
    except UserError as error:
        return str(error).partition("; ")[0]
    except OmegaConfBaseException as error:
        return f"its recorded config is damaged ({' '.join(str(error).split())})"
    if change is not None:
        return f"{change.name} was {as_typed(change.before)} and is now {as_typed(change.now)}"
    if job.folder.fallback is not None and data_is_available(now):
        return f"data={now.data.name} was unavailable, so it used {job.folder.fallback}, and is available now"
    return None


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
        print(estimate.text(todo, min(todo, at_a_time or 1)), flush=True)
    for step in steps:
        if list_all or step.remark:
            print(f"  {step.job.name}: {step.action.value}" + (f"; {step.remark}" if step.remark else ""), flush=True)


def at_a_time_text(num: int | None) -> str:
    """How many jobs run at a time, in words."""
    return f"{num} at a time" if num is not None else "as many at a time as the cluster has room for"
