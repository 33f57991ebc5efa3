"""Where a sweep's jobs run: processes of this machine, a Slurm cluster, a Ray cluster."""

from cnnlab.sweep.engines.engine import Ended, Engine, Started, Tick

__all__ = ["Ended", "Engine", "Started", "Tick"]
