"""What is left to do of a sweep."""

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
        """With a run that has this status."""
        if status.is_final:
            return cls.SKIP
        return cls.RESUME if status.can_resume else cls.RETRY


@dataclass(frozen=True)
class Step:
    """A job, and what is to be done with it.

    Attributes:
        remark: How its config differs from that of an earlier run of this name; empty if there is none.
    """

    job: Job
    action: Action
    remark: str = ""


def each_once(jobs: Iterable[Job]) -> list[Job]:
    """The jobs without those that are typed twice.

    Raises:
        UserError: If there are none, or two different ones would share a folder.
    """
    by_name: dict[str, Job] = {}
    for job in jobs:
        same = by_name.setdefault(job.name, job)
        if same.overrides != job.overrides:
            both = " and ".join(" ".join(one.overrides) for one in (same, job))
            raise UserError(f"two jobs would share the folder {job.name}: {both}; set each key once")
    if not by_name:
        raise UserError("this sweep has no jobs: one of the swept values is an empty list; see --help for the options")
    return list(by_name.values())


def plan(jobs: Iterable[Job], compose: Callable[[Job], DictConfig], known: Container[Job] = frozenset()) -> list[Step]:
    """Looks into each job's folder.

    A run that was made with another config stays; the job then gets a folder beside it.

    Args:
        jobs: In the sweep's order.
        compose: A job's config as it is now.
        known: Jobs whose runs have that config, without a look.
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
        job = Job.in_sweep(job.folder.path.parent, f"{job.name.partition('~')[0]}~{number}", job.overrides)
    raise AssertionError("there is always another number")


def _changed(job: Job, now: DictConfig) -> str | None:
    """What keeps an earlier run from being this one."""
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


def announce(
    folder: Path, steps: list[Step], at_a_time: int | None, estimate: Estimate, *, every: bool = False
) -> None:
    """Prints what is going to happen.

    Args:
        folder: The sweep's.
        steps: Its plan.
        at_a_time: How many jobs run at a time, if that is known.
        estimate: How long one takes.
        every: Whether to name every job, and not only those with a remark.
    """
    counts = Counter(step.action for step in steps)
    parts = ", ".join(f"{count} {action.value}" for action, count in counts.items())
    print(f"{folder}: {len(steps)} jobs, {at_a_time_text(at_a_time)} ({parts})", flush=True)
    if todo := len(steps) - counts[Action.SKIP]:
        print(estimate.words(todo, min(todo, at_a_time or 1)), flush=True)
    for step in steps:
        if every or step.remark:
            print(f"  {step.job.name}: {step.action.value}" + (f"; {step.remark}" if step.remark else ""), flush=True)


def at_a_time_text(num: int | None) -> str:
    """How many jobs run at a time, in words."""
    return f"{num} at a time" if num is not None else "as many at a time as there is room for"
