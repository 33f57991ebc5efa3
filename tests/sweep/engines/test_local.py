"""A sweep's parent process, with many jobs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.processes import unmeasured

NUM_JOBS, EARLY = 2000, 400


@pytest.mark.slow
def test_two_thousand_jobs_complete_and_the_parents_memory_stays(tmp_path: Path):
    command = [sys.executable, "-m", "cnnlab.bench.trivial_jobs", str(tmp_path), str(NUM_JOBS), "2"]
    done = subprocess.run(command, cwd=REPOSITORY, env=unmeasured(), capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"{NUM_JOBS} completed" in done.stdout
    memory = json.loads(done.stdout.splitlines()[-1])["memory"]
    assert max(memory) - memory[EARLY] < 4_000_000  # an outcome and a log's path are half a kilobyte a job
