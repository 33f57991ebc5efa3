"""Commands of a trial, each checked for what no command may do: print a traceback, hang, or leave half a file."""

import functools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests import processes
from tests.conftest import SMALL
from tests.torture.campaign import Wrong

# Three epochs, each long enough to be hit.
RUN = (*SMALL, "trainer.max_epochs=3", "trainer.limit_train_batches=60", "data.batch_size=32")
RUN += ("trainer.limit_val_batches=2", "trainer.limit_test_batches=2", "select=best", "model.width=4", "model=cnn")
JOBS = ("optimizer=momentum,adam", "seed=0,1")
USER_ERROR = 2
PATIENCE_S = 180


class Command(processes.Command):
    """A started train.py, whose end is checked."""

    def end(self, *expected: int) -> tuple[int, str]:
        """Waits for it.

        Returns:
            Its exit code (negative: killed by that signal) and its output.

        Raises:
            Wrong: If it hangs, prints a traceback, or exits with a code that is not expected.
        """
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise Wrong(f"it hangs:\n{self.text}")
        if code not in expected or "Traceback" in self.text:
            raise Wrong(f"exit code {code}:\n{self.text}")
        return code, self.text

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""


def start(place: Path, *arguments: str, lends_server: bool = False) -> Command:
    """Starts train.py; its output goes to a new file in the trial's folder."""
    output = place / f"output-{len(list(place.glob('output-*')))}"
    started = processes.start(output, *arguments, lends_server=lends_server)
    return Command(started.process, output)


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
