"""What a run keeps in memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.processes import unmeasured

# not getrusage: it counts the memory of the process that started this one, before exec
TRAIN_AND_TELL = """
import atexit, pathlib, runpy, sys
status = pathlib.Path("/proc/self/status")


def kib(name):
    return int(status.read_text().partition(name + ":")[2].split()[0])


atexit.register(lambda: print("peak_kib", kib("VmHWM"), "of_library_files", kib("RssFile")))
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_default_runs_own_memory_stays_under_its_limit(tmp_path: Path, mnist_root: Path):
    """The peak, less mapped library files, over an epoch with its evaluations and pictures."""
    overrides = ["trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=100", f"data.root={mnist_root}"]
    command = [sys.executable, "-c", TRAIN_AND_TELL, *overrides, f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run(command, cwd=REPOSITORY, env=unmeasured(), capture_output=True, text=True, timeout=600)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    peak, files = (int(word) * 1024 for word in done.stdout.split()[-3::2])
    # how much of torch's files is mapped is the system's choice, and varies by hundreds of megabytes
    assert peak - files < 1.2e9
