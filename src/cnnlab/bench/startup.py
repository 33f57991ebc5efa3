"""From the command to the first step, against the bare import of torch and lightning, in fresh processes."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning import Callback

BARE = ("-c", "import os, torch, lightning; os._exit(0)")
OURS = ("train.py", "experiment=lecture", "console=none", "trainer=cpu")
AT_FIRST_STEP = "+callbacks.exit._target_=cnnlab.bench.startup.ExitAtFirstStep"


class ExitAtFirstStep(Callback):
    """Ends the process at the first training step."""

    def on_train_batch_start(self, *args: Any) -> None:
        """Exits without cleanup, which is not measured."""
        os._exit(0)


@dataclass(frozen=True)
class Startup:
    """Wall times of one repetition, in seconds."""

    bare_s: float
    ours_s: float


def measure_startup(repository: Path, repetitions: int) -> list[Startup]:
    """Measures both in turn, `repetitions` times after a warm-up that fills the system's caches.

    Args:
        repository: The folder of train.py.
        repetitions: The number of repetitions.
    """
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for repetition in range(repetitions + 1):
            run = f"hydra.run.dir={Path(folder) / str(repetition)}"
            measured.append(Startup(_seconds(repository, *BARE), _seconds(repository, *OURS, AT_FIRST_STEP, run)))
    return measured[1:]


def _seconds(repository: Path, *arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=repository, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
