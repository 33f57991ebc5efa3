"""Many runs: planned, run side by side, taken up again. It knows a run by its folder alone, and never loads torch."""

from cnnlab.sweep.job import Job
from cnnlab.sweep.lock import sole_sweep
from cnnlab.sweep.machine import deal
from cnnlab.sweep.plan import Action, Step, announce, job_name, plan
from cnnlab.sweep.process import Server
from cnnlab.sweep.sweep import Settings, Sweep

__all__ = ["Action", "Job", "Server", "Settings", "Step", "Sweep", "announce", "deal", "job_name", "plan", "sole_sweep"]
