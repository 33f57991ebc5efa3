"""Whether this process is part of a distributed run: launchers leave variables by which Lightning would believe it.

A run depends on its config alone. `trainer=ddp` starts its workers itself; these inherit `FIRST_PROCESS`, with which
they are told from a process in whose environment torchrun, Slurm or a notebook has left such variables.
"""

import os
import sys

from cnnlab.errors import UserError

FIRST_PROCESS = "CNNLAB_FIRST_PROCESS"  # environment variable: the process that starts workers
LOCAL_RANK = "LOCAL_RANK"
TORCHRUN = "TORCHELASTIC_RUN_ID"
LAUNCHERS = (
    *(LOCAL_RANK, "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"),
    *(TORCHRUN, "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_LOCAL_RANK", "JSM_NAMESPACE_SIZE"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID"),
)
LIGHTNING = ("PL_TRAINER_", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")  # defaults of its Trainer, and seeds


def is_worker() -> bool:
    """Whether this is a worker of a distributed run, started by the run's first process with the same command line."""
    if os.environ.get(LOCAL_RANK, "0") == "0":
        return False
    starter = os.environ.get(FIRST_PROCESS)
    return starter == str(os.getppid()) or (os.name == "nt" and starter is not None)  # there, python.exe is between


def isolate() -> None:
    """Removes the variables by which Lightning would place this process, or set what the config leaves out.

    Raises:
        UserError: If torchrun has started several processes.
    """
    if TORCHRUN in os.environ and os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(
            f"torchrun would run the same experiment {os.environ['WORLD_SIZE']} times: start it without torchrun, with "
            f"trainer=ddp trainer.devices={os.environ['WORLD_SIZE']}, which starts its own processes "
            f"(if nothing here is torchrun's: unset {TORCHRUN})"
        )
    settings = sorted(name for name in os.environ if name.startswith(LIGHTNING))
    if settings:
        print(f"ignored: {', '.join(settings)} in the environment; a run depends on its config alone", file=sys.stderr)
    for name in (*LAUNCHERS, *settings):
        os.environ.pop(name, None)
    if "SLURM_NTASKS" in os.environ:
        os.environ["SLURM_JOB_NAME"] = "bash"  # Lightning's way to start its processes itself in an allocation
    os.environ[FIRST_PROCESS] = str(os.getpid())
