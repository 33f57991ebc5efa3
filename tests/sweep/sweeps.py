"""`python train.py -m …` as a process, and its results."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests import processes
from tests.conftest import REPOSITORY, SMALL
from tests.processes import PATIENCE_S, unmeasured

SHORT = (*SMALL, "trainer.max_epochs=3", "callbacks=light", "logger=none", "data.batch_size=32")

Found = TypeVar("Found")


def start(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Starts a sweep in a folder, with its own fork server."""
    return subprocess.Popen(
        [sys.executable, "train.py", "-m", *SHORT, f"hydra.sweep.dir={folder}", *arguments],
        cwd=REPOSITORY,
        env=unmeasured() | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it leads a process group, as in a terminal
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it printed."""
    try:
        text, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise TimeoutError(process.communicate()[0]) from None
    return process.returncode, text


def start_from_loaded(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> processes.Command:
    """Starts a sweep whose processes are forked from the tests' own server, which is faster."""
    output = folder.with_name(f"{folder.name}.out")
    output.unlink(missing_ok=True)
    command = ("-m", *SHORT, f"hydra.sweep.dir={folder}", *arguments)
    return processes.start(output, *command, environment=environment, lends_server=True)


def sweep(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Runs a sweep to its end."""
    return start_from_loaded(folder, *arguments, environment=environment).wait()


def gate(folder: Path) -> str:
    """Holds the jobs after an epoch, until they receive a signal or the sweep's folder has a file `open`."""
    return f"+callbacks.gate={{_target_: tests.sweep.faults.Gate, opener: {folder / 'open'}}}"


def fork_server_of(sweep: subprocess.Popen[str], folder: Path) -> int:
    """Waits for the server that forks a sweep's jobs, and returns its process id."""
    command = ["pgrep", "--parent", str(sweep.pid), "--full", "cnnlab.sweep.engines.serve", "--runstates", "DRSTI"]

    def look() -> list[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()

    return int(wait_until(sweep, folder, look, "no server is running")[0])


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """Each job's result.json."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/result.json")}


def weights(folder: Path) -> dict[str, str]:
    """The hash of each job's weights; all have to be completed."""
    found = results(folder)
    assert {result["status"] for result in found.values()} == {"completed"}
    return {name: result["weights_sha256"] for name, result in found.items()}


def wait_for(process: subprocess.Popen[str], folder: Path, pattern: str) -> Path:
    """Waits for the first file that matches; fails if the sweep ends before."""
    return wait_until(process, folder, lambda: sorted(folder.glob(pattern)), f"no {pattern}")[0]


def wait_until(process: subprocess.Popen[str], folder: Path, look: Callable[[], Found], missing: str) -> Found:
    """Waits until `look` finds something; fails if the sweep ends before.

    Args:
        folder: The sweep's folder; a failure shows its jobs' logs.
        missing: The message of a failure.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            logs = "".join(f"\n--- {log}\n{log.read_text()}" for log in sorted(folder.glob("logs/*.log")))
            raise AssertionError(f"{missing}: {process.communicate()[0]}{logs}")
        time.sleep(0.02)
    return found
