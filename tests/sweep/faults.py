"""Callbacks that make a run go wrong, in a real process."""

import os
import resource
import signal
import sys
import time
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer


class Fault(Callback):
    """Strikes in the second epoch's first step.

    Args:
        how: `none`, `raise`, `exit`, `kill`, `segfault`, `hang`, `diverge` or `disk`.
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
        while True:
            time.sleep(1000)

    def _diverge(self, module: LightningModule) -> None:
        with torch.no_grad():
            for weights in module.parameters():
                weights.fill_(torch.nan)

    def _disk(self, module: LightningModule) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
