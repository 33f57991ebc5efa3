"""Commands of a trial, each checked for what no command may do: print a traceback, hang, or leave half a file."""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests import processes
from tests.conftest import REPOSITORY, SMALL
from tests.processes import unmeasured
from tests.torture.campaign import Wrong

# Three epochs, each long enough to be hit.
RUN = (*SMALL, "trainer.max_epochs=3", "trainer.limit_train_batches=60", "data.batch_size=32")
RUN += ("trainer.limit_val_batches=2", "trainer.limit_test_batches=2", "select=best", "model.width=4", "model=cnn")
JOBS = ("optimizer=momentum,adam", "seed=0,1")
USER_ERROR = 2
PATIENCE_S = 180


@dataclass
class Command:
    """A started train.py, whose end is checked.

    Attributes:
        process: In a session of its own, or forked from the tests' process.
        output: What it prints.
    """

    process: subprocess.Popen[bytes] | BaseProcess
    output: Path

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def code(self, patience_s: float) -> int | None:
        """Its exit code (negative: killed by that signal), None if it still runs after these seconds."""
        if isinstance(self.process, BaseProcess):
            self.process.join(patience_s)
            return self.process.exitcode
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None

    def send(self, signum: int) -> None:
        """Sends it a signal, unless it has ended."""
        if self.code(0) is None and self.process.pid is not None:
            os.kill(self.process.pid, signum)

    def end(self, *expected: int) -> tuple[int, str]:
        """Waits for its end.

        Returns:
            Its exit code and its output.

        Raises:
            Wrong: If it hangs, prints a traceback, or exits with a code that is not expected.
        """
        code = self.code(PATIENCE_S)
        if code is None:
            self.process.kill()
            raise Wrong(f"it hangs:\n{self.text}")
        if code not in expected or "Traceback" in self.text:
            raise Wrong(f"exit code {code}:\n{self.text}")
        return code, self.text


def start(place: Path, *arguments: str, lends_server: bool = False) -> Command:
    """Starts train.py, forked from the tests' process, which has torch loaded."""
    output = _new_output(place)
    return Command(processes.start(output, *arguments, lends_server=lends_server).process, output)


def start_from_disk(place: Path, *arguments: str) -> Command:
    """Starts train.py as a user does, so that it has everything to import, in a session of its own."""
    output = _new_output(place)
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "train.py", *arguments],
            cwd=REPOSITORY, env=unmeasured(), stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return Command(process, output)


def _new_output(place: Path) -> Path:
    return place / f"output-{len(list(place.glob('output-*')))}"


def refused(text: str) -> bool:
    """Whether the output is one line for the user."""
    errors = [line for line in text.splitlines() if line.startswith("error: ")]
    if len(errors) != 1:
        raise Wrong(f"{len(errors)} lines of errors:\n{text}")
    return True


def weights(run: Path) -> str:
    """The hash of a completed run's weights."""
    try:
        result: dict[str, Any] = json.loads((run / "result.json").read_text())
    except (OSError, ValueError) as error:
        raise Wrong(f"no result.json: {error}") from None
    if result["status"] != "completed":
        raise Wrong(f"the status is {result['status']}: {result['error']}")
    if unfinished := [str(path) for path in run.rglob(".*.tmp")]:
        raise Wrong(f"left behind: {unfinished}")
    return str(result["weights_sha256"])


@functools.cache
def faultless_run() -> tuple[str, float]:
    """The weights of a run without a fault, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        start(Path(folder), *RUN, f"hydra.run.dir={folder}/run").end(0)
        return weights(Path(folder) / "run"), time.monotonic() - started


@functools.cache
def faultless_sweep() -> tuple[dict[str, str], float]:
    """The weights of each job of a sweep without a fault, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        sweep, started = Path(folder) / "sweep", time.monotonic()
        start(Path(folder), "-m", *RUN, *JOBS, f"hydra.sweep.dir={sweep}").end(0)
        return sweep_weights(sweep), time.monotonic() - started


def sweep_weights(sweep: Path) -> dict[str, str]:
    """The weights of each job; of a job that was redone, of its newest run."""
    newest: dict[str, str] = {}
    for run in sorted(path for path in sweep.iterdir() if (path / "result.json").is_file()):
        newest[run.name.partition("~")[0]] = weights(run)
    return newest
