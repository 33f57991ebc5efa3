import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.bench.startup import AT_FIRST_STEP, OURS
from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_the_timed_process_ends_where_training_begins(tmp_path: Path):
    folder = tmp_path / "run"
    command = [sys.executable, *OURS, AT_FIRST_STEP, "data=mnist_5k", f"hydra.run.dir={folder}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (folder / ".hydra" / "config.yaml").exists()  # it has started
    assert not (folder / "result.json").exists()  # and has neither finished nor failed
    assert not (folder / "checkpoints").exists()
