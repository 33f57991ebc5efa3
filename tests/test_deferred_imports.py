"""What a run does not import, and that nothing is missing for those who need it: fresh processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, SMALL
from tests.processes import unmeasured

UNNEEDED = ("scipy", "sympy", "torch._inductor", "torch.distributed.fsdp", "torchvision")
TRAIN = """
import atexit, runpy, sys
atexit.register(lambda: print("imported", [name for name in {unneeded} if name in sys.modules]))
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""
NEED = """
import cnnlab.training, sys, torch, lightning.fabric.wrappers
from lightning import Trainer

linear = torch.nn.Linear(2, 2)
torch.optim.SGD(linear.parameters(), lr=0.1).zero_grad()
known = lightning.fabric.wrappers.OptimizedModule
assert not isinstance(linear, known)
assert "torch._dynamo.eval_frame" not in sys.modules

import torch._dynamo.utils as first  # a module of the package, before the package itself

assert first is sys.modules["torch._dynamo.utils"] is torch._dynamo.utils
assert first.__spec__.loader.path == first.__file__
assert torch._dynamo.eval_frame.OptimizedModule is torch._dynamo.OptimizedModule
assert isinstance(torch.compile(linear), known)
assert "__dynamo_disable" not in vars(torch.optim.Optimizer.zero_grad.__wrapped__)
torch.optim.SGD(linear.parameters(), lr=0.1).zero_grad()
assert vars(torch.optim.Optimizer.zero_grad.__wrapped__)["__dynamo_disable"] is not torch.optim.Optimizer.zero_grad

import torchmetrics

assert torchmetrics.Metric is sys.modules["torchmetrics.metric"].Metric
accuracy = torchmetrics.classification.MulticlassAccuracy(2)
assert isinstance(accuracy, lightning.pytorch.core.module.Metric)
assert accuracy(torch.tensor([0, 1]), torch.tensor([0, 1])) == 1
assert torchmetrics.functional.image.psnr is not None
"""


def run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-W", "error::ImportWarning", "-c", code, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=unmeasured(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_run_imports_neither_torchs_compiler_nor_scipy(tmp_path: Path):
    short = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=2", f"hydra.run.dir={tmp_path / 'run'}")
    assert run(TRAIN.format(unneeded=UNNEEDED), *short).endswith("imported []\n")


@pytest.mark.slow
def test_who_needs_more_gets_it():
    run(NEED)
