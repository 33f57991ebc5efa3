"""Callbacks that make a run fail or wait, in a real process."""

import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from cnnlab.training.interruption import StopOnSignal

FILLER = "filler"
HANGS = "hangs now"
POLL_S = 0.05


class Fault(Callback):
    """Fails in the second epoch's first step.

    Args:
        how: `none`, `raise`, `exit`, `kill`, `segfault`, `hang`, `diverge`, `disk` (files cannot grow) or `fill` (fills
            the disk, once).
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == (1, 0):
            getattr(self, f"_{self.how}")(pl_module)

    def _none(self, module: LightningModule) -> None:
        pass

    def _raise(self, module: LightningModule) -> None:
        raise RuntimeError("a bug of the user's\nin two lines")

    def _exit(self, module: LightningModule) -> None:
        sys.exit(0)

    def _kill(self, module: LightningModule) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _segfault(self, module: LightningModule) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _hang(self, module: LightningModule) -> None:
        print(HANGS, flush=True)
        while True:
            time.sleep(1000)

    def _diverge(self, module: LightningModule) -> None:
        with torch.no_grad():
            for weights in module.parameters():
                weights.fill_(torch.nan)

    def _disk(self, module: LightningModule) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    def _fill(self, module: LightningModule) -> None:
        filler = Path(module.trainer.default_root_dir).parent / FILLER
        with suppress(OSError), filler.open("xb", buffering=0) as file:
            while True:
                file.write(bytes(1000))


class Gate(Callback):
    """Holds a run in the first step of every epoch but the first, until it receives a signal or the gate is open.

    So a test finds the run running, however fast the machine is, and the run can be short.

    Args:
        opener: The gate is open while this file exists.
    """

    def __init__(self, opener: str) -> None:
        self.opener = Path(opener)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        (stop,) = [callback for callback in trainer.callbacks if isinstance(callback, StopOnSignal)]
        holds = (
            trainer.is_global_zero and trainer.current_epoch > 0 and batch_idx == 0
        )  # the other processes wait for it
        while holds and not stop.guard.received and not self.opener.exists():
            time.sleep(POLL_S)


class NotingGpu(Callback):
    """Writes the GPUs that its run may use into the run's folder."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (Path(trainer.default_root_dir) / "gpu").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
