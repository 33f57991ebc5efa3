"""What a run keeps in memory."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_a_default_run_stays_under_its_limit(tmp_path: Path, mnist_root: Path):
    """The peak of the whole process, data set, framework and all, over an epoch with its evaluations and pictures."""
    command = [sys.executable, "train.py", "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=100",
               f"hydra.run.dir={tmp_path / 'run'}", f"data.root={mnist_root}"]  # fmt: skip
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    here = Path.cwd()
    try:
        os.chdir(REPOSITORY)
        pid = os.posix_spawn(sys.executable, command, dict(os.environ), file_actions=actions)
    finally:
        os.chdir(here)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, (tmp_path / "log").read_text()
    assert usage.ru_maxrss * 1024 < 1.2e9
