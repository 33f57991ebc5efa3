"""Allocates a machine's cores and GPUs to jobs."""

import os
import re
import subprocess
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.sweep.engines.fork_server import Allocation

DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU
ANSWER_S = 20  # nvidia-smi starts the driver where nothing else has


def allocate(n_jobs: int | None, threads_per_job: int, jobs_per_gpu: int | None = None) -> list[Allocation]:
    """The allocations of the jobs that run at a time.

    Args:
        n_jobs: How many jobs; None for as many as the GPUs take, or else as the cores allow.
        threads_per_job: Cores per job.
        jobs_per_gpu: How many jobs share a GPU at most; None for any number.

    Returns:
        Disjoint cores if the jobs use all cores; otherwise no pinning, since the system knows what else is running.
        One GPU each, in turn, if there are any.

    Raises:
        UserError: If there is no GPU to share, or not enough of them.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    gpus = visible_gpus()
    if jobs_per_gpu is not None:
        n_jobs = _num_sharing(gpus, jobs_per_gpu, n_jobs)
    n_jobs = n_jobs or max(1, (len(cores) or os.cpu_count() or 1) // threads_per_job)
    is_all = n_jobs * threads_per_job == len(cores)
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
    return _all_gpus() if named is None else _named_gpus(named)


def _num_sharing(gpus: list[str], jobs_per_gpu: int, n_jobs: int | None) -> int:
    if not gpus:
        hidden = " (CUDA_VISIBLE_DEVICES hides them all)" if "CUDA_VISIBLE_DEVICES" in os.environ else ""
        raise UserError(
            f"hydra.launcher.jobs_per_gpu={jobs_per_gpu} needs a GPU, and this machine has none{hidden}; leave it out, "
            "hydra.launcher.n_jobs is the number of jobs at a time"
        )
    most = len(gpus) * jobs_per_gpu
    if n_jobs is not None and n_jobs > most:
        raise UserError(
            f"hydra.launcher.n_jobs={n_jobs} is more than hydra.launcher.jobs_per_gpu={jobs_per_gpu} allows on "
            f"{len(gpus)} GPU{'s' * (len(gpus) > 1)}, which is {most}; leave one of them out"
        )
    return n_jobs or most


def _named_gpus(named: str) -> list[str]:
    """Those of `CUDA_VISIBLE_DEVICES`, as CUDA reads it: up to the first that is none; of a repetition, nothing."""
    gpus: list[str] = []
    for name in map(str.strip, named.split(",")):
        if not re.match(r"\d|GPU-|MIG-", name):  # -1, NoDevFiles
            break
        gpus.append(name)
    return gpus if len(gpus) == len(set(gpus)) else []


def _all_gpus() -> list[str]:
    if DRIVER.is_dir():
        return [str(number) for number in range(len(list(DRIVER.iterdir())))]
    try:  # where the driver is the host's, as in WSL
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=ANSWER_S)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, _ in enumerate(line for line in done.stdout.splitlines() if line.startswith("GPU"))]
