"""Allocates a machine's cores and GPUs to jobs."""

import os
from pathlib import Path

from cnnlab.sweep.engines.fork_server import Allocation


def allocate(n_jobs: int | None, threads_per_job: int) -> list[Allocation]:
    """The allocations of the jobs that run at a time.

    Args:
        n_jobs: How many jobs; None for as many as the cores allow.
        threads_per_job: Cores per job.

    Returns:
        Disjoint cores if the jobs use all cores; otherwise no pinning, since the system knows what else is running.
        One GPU each, in turn, if there are any.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    n_jobs = n_jobs or max(1, (len(cores) or os.cpu_count() or 1) // threads_per_job)
    is_all = n_jobs * threads_per_job == len(cores)
    gpus = visible_gpus()
    return [
        Allocation(
            cores=tuple(cores[job * threads_per_job : (job + 1) * threads_per_job]) if is_all else (),
            gpu=gpus[job % len(gpus)] if gpus else None,
        )
        for job in range(n_jobs)
    ]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as in `CUDA_VISIBLE_DEVICES`; without loading torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip()]
    return [str(number) for number in range(len(list(Path("/proc/driver/nvidia/gpus").glob("*"))))]
