"""Many runs: planned, run side by side, taken up again. It knows a run by its folder alone, and never loads torch."""

from cnnlab.sweep.job import Job
from cnnlab.sweep.launcher import SweepLauncher
from cnnlab.sweep.lock import sole_sweep
from cnnlab.sweep.names import job_name
from cnnlab.sweep.plan import Action, Step, announce, plan
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
    "announce",
    "job_name",
    "plan",
    "sole_sweep",
]
