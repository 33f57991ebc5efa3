"""Many runs: planned, run in parallel, resumed. It knows a run by its folder alone, and never loads torch."""

from cnnlab.sweep.job import Job
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.lock import lock_sweep
from cnnlab.sweep.names import job_name
from cnnlab.sweep.plan import Action, Step, plan, print_plan
from cnnlab.sweep.sweep import Settings, Sweep
from cnnlab.sweep.task import Task

__all__ = [
    "Action",
    "Job",
    "Settings",
    "Step",
    "Sweep",
    "SweepLauncher",
    "Task",
    "job_name",
    "lock_sweep",
    "plan",
    "print_plan",
]
