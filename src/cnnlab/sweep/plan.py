"""What is left to do of a sweep."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from cnnlab.experiment.identity import changed_value, files_are_here
from cnnlab.experiment.schema import as_typed
from cnnlab.sweep.estimate import Estimate
from cnnlab.sweep.job import FINAL, Job

MAX_NAME_BYTES = 200  # of a folder; filesystems take 255


class Action(Enum):
    """What a sweep does with a job."""

    BEGIN = "new"
    CONTINUE = "goes on"
    AGAIN = "again, it failed"
    SKIP = "done"


@dataclass(frozen=True)
class Step:
    """A job, and what is to be done with it.

    Attributes:
        remark: How its config differs from that of an earlier run of this name; empty if there is none.
    """

    job: Job
    action: Action
    remark: str = ""


def plan(jobs: Iterable[Job], compose: Callable[[Job], DictConfig], known: Container[Job] = frozenset()) -> list[Step]:
    """Looks into each job's folder.

    A run that was made with another config stays; the job then gets a folder beside it.

    Args:
        jobs: In the sweep's order.
        compose: A job's config as it is now.
        known: Jobs whose runs are of that config, without a look.
    """
    return [_step(job, compose, known) for job in jobs]


def _step(job: Job, compose: Callable[[Job], DictConfig], known: Container[Job]) -> Step:
    remark, now = "", None
    for number in itertools.count(2):
        status = job.status
        if status is None:
            return Step(job, Action.BEGIN, remark)
        if job in known:
            return Step(job, _action(status), remark)
        now = compose(job) if now is None else now
        difference = _difference(job, now)
        if difference is None:
            return Step(job, _action(status), remark)
        remark = f"{difference}: beside the old result"
        name = f"{job.name.partition('~')[0]}~{number}"
        job = replace(job, name=name, folder=job.folder.with_name(name))
    raise AssertionError("there is always another number")


def _difference(job: Job, now: DictConfig) -> str | None:
    """What keeps an earlier run from being this one."""
    try:
        before = OmegaConf.load(job.folder / ".hydra" / "config.yaml")
        if not isinstance(before, DictConfig):
            raise ValueError("it holds a list")
        change = changed_value(before, now)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        return f"its recorded config is damaged ({' '.join(str(error).split())})"
    if change is not None:
        key, then, today = change
        return f"{key} was {as_typed(then)} and is now {as_typed(today)}"
    if job.stand_in is not None and files_are_here(now):
        return f"data={now.data.name} could not be had, so that it used {job.stand_in}, and now is here"
    return None


def _action(status: str) -> Action:
    if status in FINAL:
        return Action.SKIP
    return Action.AGAIN if status == "failed" else Action.CONTINUE


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
    told = ", ".join(f"{count} {action.value}" for action, count in counts.items())
    room = f"{at_a_time} at a time" if at_a_time is not None else "as many at a time as there is room for"
    print(f"{folder}: {len(steps)} jobs, {room} ({told})", flush=True)
    if todo := len(steps) - counts[Action.SKIP]:
        print(estimate.words(todo, min(todo, at_a_time or 1)), flush=True)
    for step in steps:
        if every or step.remark:
            print(f"  {step.job.name}: {step.action.value}" + (f"; {step.remark}" if step.remark else ""), flush=True)


def job_name(overrides: Iterable[str], constant: Iterable[str]) -> str:
    """The folder's name of a job, such as `optimizer=adam,seed=3`.

    Args:
        overrides: The job's.
        constant: Keys that are the same in all jobs.
    """
    constant = set(constant)
    swept = sorted(text for text in overrides if text.partition("=")[0].lstrip("+~") not in constant)
    name = ",".join(swept).replace("/", "_")
    if len(name.encode()) > MAX_NAME_BYTES:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]  # so that two that begin alike do not share a folder
        name = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore") + "-" + digest
    return name or "job"
