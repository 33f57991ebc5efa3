"""python -m tests.portable [ARGUMENT …]: train.py without what only Unix has, as cnnlab's own modules would miss it.

Other packages are imported first: they choose their own way for each system, most of them at import. Lightning asks at
run time whether this is Windows, so SIGKILL and SIGUSR1, which it then takes for granted, stay.
"""

import multiprocessing
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

import filelock
import hydra.core.plugins
import lightning.pytorch.loggers
import matplotlib.pyplot
import mlxtend.data
import pytorch_optimizer
import rich.console
import torch.utils.tensorboard
import torchvision.datasets

IMPORTED = (filelock, hydra, lightning, matplotlib, mlxtend, pytorch_optimizer, rich, torch, torchvision)
MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "multiprocessing.forkserver", "multiprocessing.popen_fork")
FUNCTIONS = {
    os: (
        *("fork", "forkpty", "killpg", "setsid", "getpgid", "geteuid", "pread", "pwrite", "waitid", "O_DIRECTORY"),
        *("sched_getaffinity", "sched_setaffinity", "mkfifo", "uname", "wait"),
    ),
    signal: ("pthread_sigmask", "pthread_kill", "pause", "alarm", "setitimer", "SIGUSR2"),
}


def take_away() -> None:
    """Makes this process like one on Windows, where a folder cannot be opened either."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # import raises ImportError
    multiprocessing.get_all_start_methods = lambda: ["spawn"]  # type: ignore[method-assign]
    for module, names in FUNCTIONS.items():
        for name in names:
            vars(module).pop(name, None)
    os.open = open_file  # type: ignore[assignment]


REAL_OPEN = os.open


def open_file(path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> int:
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", path)
    return REAL_OPEN(path, *args, **kwargs)


if __name__ == "__main__":
    take_away()
    sys.argv[0] = "train.py"
    runpy.run_path("train.py", run_name="__main__")
