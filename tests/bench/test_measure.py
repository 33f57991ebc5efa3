"""One real repetition of the command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import REPOSITORY


@pytest.mark.slow
def test_the_command_writes_a_table_a_file_and_a_chart(tmp_path: Path):
    command = [
        "scripts/bench.py",
        "--repetitions",
        "1",
        "--startups",
        "1",
        "--batch-sizes",
        "256",
        "--threads",
        "1",
        "--out",
        tmp_path,
    ]
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr
    assert "start-up: first step after " in done.stdout
    assert "cnnlab (Lightning)" in done.stdout
    content = json.loads((tmp_path / "bench.json").read_text())
    assert {row["contender"] for row in content["rows"]} == {"plain", "bare", "lightning", "floor"}
    assert all(content["startup"][name]["median"] > 1 for name in ("bare_s", "ours_s"))
    assert content["machine"]["torch"] == torch.__version__
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_number_that_makes_no_sense_is_refused():
    command = [sys.executable, "scripts/bench.py", "--threads", "0"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "--threads 0 is not allowed; it must be >= 1" in done.stderr
