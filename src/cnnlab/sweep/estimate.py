"""How long a sweep will take, before it starts."""

import itertools
import json
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

NOMINAL_STEP_S = 0.0085  # the lecture's network, batches of 64, one core: README.md, "How fast, and why"
START_S = 1.0  # of a job: composing, setting up, testing
MAX_RUNS = 200  # to learn from
MIN_STEPS = 100  # of shorter runs the start is most


@dataclass(frozen=True)
class Estimate:
    """Seconds of one job.

    Attributes:
        job_s: The seconds.
        num_runs: From how many earlier runs they are known; 0 for the nominal speed.
    """

    job_s: float
    num_runs: int

    @classmethod
    def of(cls, config: DictConfig, outputs: Path) -> "Estimate":
        """From what earlier runs of the same network and batch size took a step, or the nominal speed.

        Args:
            config: A job's.
            outputs: Where run folders are.
        """
        known = [
            result["seconds"]["fit"] / result["steps"]
            for result in itertools.islice(_completed(outputs), MAX_RUNS)
            if result["params"].get("model._target_") == config.model._target_
            and result["params"].get("data.batch_size") == config.data.batch_size
            and result["steps"] >= MIN_STEPS
        ]
        step_s = statistics.median(known) if known else NOMINAL_STEP_S
        return cls(START_S + _num_steps(config) * step_s, len(known))

    def words(self, num_jobs: int, at_a_time: int) -> str:
        """The time of so many jobs, and how it is known."""
        seconds = round(self.job_s * num_jobs / at_a_time)
        source = f"by {self.num_runs} earlier runs" if self.num_runs else "at the nominal speed"
        return f"about {timedelta(seconds=seconds)} {source}"


def _num_steps(config: DictConfig) -> float:
    batches: float = -(-(config.data.num_train - config.data.num_val) // config.data.batch_size)
    limit = config.trainer.limit_train_batches
    if limit is not None:
        batches = min(batches, limit) if isinstance(limit, int) else batches * limit
    return float(batches * config.trainer.max_epochs)


def _completed(outputs: Path) -> Iterator[dict[str, Any]]:
    paths = itertools.chain(outputs.glob("runs/*/result.json"), outputs.glob("sweeps/*/*/result.json"))
    for path in sorted(paths, key=os.path.getmtime, reverse=True):
        try:
            result = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        if isinstance(result, dict) and result.get("status") == "completed":
            yield result
