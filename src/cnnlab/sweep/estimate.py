"""How long a sweep will take, before it starts."""

import itertools
import math
import statistics
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cnnlab.run.folder import find_runs
from cnnlab.run.status import Status

NOMINAL_STEP_S = 0.0085  # the lecture's network, batches of 64, on one core of a Zen 3
START_S = 1.0  # of a job: composing, setting up, testing
MAX_RUNS = 200  # that the estimate is based on
MIN_STEPS = 100  # shorter runs are mostly start-up


@dataclass(frozen=True)
class Estimate:
    """The duration of one job.

    Attributes:
        job_s: Seconds.
        num_runs: The number of earlier runs that it is based on; 0 for the nominal speed.
    """

    job_s: float
    num_runs: int

    @classmethod
    def of(cls, config: DictConfig, outputs: Path) -> "Estimate":
        """Based on the step time of earlier runs with the same network and batch size, or on the nominal speed.

        Args:
            config: A job's config.
            outputs: Where run folders are.
        """
        results = (result for run in find_runs(outputs) if (result := run.result()) is not None)
        completed = (result for result in results if result["status"] == Status.COMPLETED)
        runs = itertools.islice(completed, MAX_RUNS)
        known = [seconds for run in runs if (seconds := _step_s_of(run, config)) is not None]
        step_s = statistics.median(known) if known else NOMINAL_STEP_S
        return cls(START_S + _num_steps(config) * step_s, len(known))

    def text(self, *num_jobs: int, at_a_time: int | None) -> str:
        """The duration of jobs, and what it is based on.

        Args:
            num_jobs: How many, of each of several stages one after the other.
            at_a_time: How many run at a time; None if that is unknown, and one is assumed.
        """
        seconds = round(sum(self.job_s * math.ceil(num / (at_a_time or 1)) for num in num_jobs))
        source = f"earlier runs: {self.num_runs}" if self.num_runs else "a guess: no earlier runs"
        return f"about {timedelta(seconds=seconds)} ({source})"


def _num_steps(config: DictConfig) -> float:
    batches: float = -(-(config.data.num_train - config.data.num_val) // config.data.batch_size)
    limit = config.trainer.limit_train_batches
    if limit is not None:
        batches = min(batches, limit) if isinstance(limit, int) else batches * limit
    return float(batches * config.trainer.max_epochs)


def _step_s_of(result: dict[str, Any], config: DictConfig) -> float | None:
    """A run's seconds per step, if it has this network and batch size, and was long enough."""
    try:
        params, steps = result["params"], result["steps"]
        is_comparable = params["model._target_"] == config.model._target_
        is_comparable &= params["data.batch_size"] == config.data.batch_size
        step_s = float(result["seconds"]["fit"] / steps) if is_comparable and steps >= MIN_STEPS else math.nan
    except (LookupError, TypeError, ArithmeticError):  # an incomplete result, or not a run's
        return None
    return step_s if 0 < step_s < math.inf else None
