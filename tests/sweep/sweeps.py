"""`python train.py -m …` as a process, and what it leaves."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY, SMALL
from tests.processes import unmeasured

SHORT = (*SMALL, "trainer.max_epochs=3", "callbacks=light", "logger=none", "data.batch_size=32")


def start(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, measured: bool = False
) -> subprocess.Popen[str]:
    """Begins a sweep in that folder; its coverage is measured where it is asked for, which takes time."""
    command = [sys.executable, "train.py", "-m", *SHORT, f"hydra.sweep.dir={folder}", *arguments]
    inherited = dict(os.environ) if measured else unmeasured()
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=REPOSITORY, env=inherited | (environment or {}), **output)  # type: ignore[call-overload, no-any-return]


def finish(process: subprocess.Popen[str], timeout_s: float = 300) -> tuple[int, str]:
    """Its exit code, and what it printed."""
    try:
        text, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise TimeoutError(process.communicate()[0]) from None
    return process.returncode, text


def sweep(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, measured: bool = False
) -> tuple[int, str]:
    """Runs one to its end."""
    return finish(start(folder, *arguments, environment=environment, measured=measured))


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """Each job's result.json."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}


def weights(folder: Path) -> dict[str, str]:
    """The hash of each job's weights; all have to be completed."""
    found = results(folder)
    assert {result["status"] for result in found.values()} == {"completed"}
    return {name: result["weights_sha256"] for name, result in found.items()}


def wait_for(process: subprocess.Popen[str], folder: Path, pattern: str, timeout_s: float = 60) -> Path:
    """The first file that matches; the process has to live until there is one."""
    deadline = time.monotonic() + timeout_s
    while not (found := sorted(folder.glob(pattern))):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"no {pattern} in {folder}: {process.communicate()[0]}")
        time.sleep(0.02)
    return found[0]
