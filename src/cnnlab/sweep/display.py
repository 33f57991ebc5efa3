"""What a sweep says while it runs: a live table on a terminal, plain lines elsewhere."""

import csv
import sys
import time
from collections import Counter
from datetime import timedelta
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cnnlab.metrics import ACCURACY
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep.job import Job
from cnnlab.sweep.outcome import Outcome

LOOK_S = 1.0  # between two looks into the running jobs' metrics


class Display(Protocol):
    """Hears what happens."""

    def started(self, job: Job) -> None:
        """A job's process has begun."""

    def ended(self, outcome: Outcome) -> None:
        """It is gone."""

    def tick(self) -> None:
        """A moment has passed."""

    def close(self) -> None:
        """Nothing more will come."""


def make_display(num_jobs: int, skipped: int) -> Display:
    """The one that suits standard output.

    Args:
        num_jobs: To be run.
        skipped: Done before.
    """
    kind = LiveTable if sys.stdout.isatty() else Lines
    return kind(Progress(num_jobs, skipped))


class Progress:
    """Counts, and the time that is left.

    Args:
        num_jobs: To be run.
        skipped: Done before.
    """

    def __init__(self, num_jobs: int, skipped: int) -> None:
        self.num_jobs = num_jobs
        self.skipped = skipped
        self.started = time.monotonic()
        self.counts: Counter[str] = Counter()

    @property
    def ended(self) -> int:
        """How many jobs have come to an end."""
        return self.counts.total()

    def count(self, outcome: Outcome) -> None:
        """One job more has come to an end."""
        self.counts[outcome.status] += 1

    def left(self) -> str:
        """The time that is left, if the rest goes as the jobs so far went."""
        if not self.ended:
            return "?"
        seconds = (time.monotonic() - self.started) / self.ended * (self.num_jobs - self.ended)
        return str(timedelta(seconds=round(seconds)))

    def summary(self) -> str:
        """One line of counts."""
        counts = dict(self.counts)
        if self.skipped:
            counts["skipped"] = self.skipped
        parts = [f"{count} {status}" for status, count in counts.items()]
        return (
            f"{self.ended}/{self.num_jobs} jobs" + (": " + ", ".join(parts) if parts else "") + f"; left {self.left()}"
        )


class Lines:
    """A line for each job that ends.

    Args:
        progress: Counts for it.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def started(self, job: Job) -> None:
        """Nothing: its end is what matters."""

    def ended(self, outcome: Outcome) -> None:
        """The line."""
        self.progress.count(outcome)
        print(f"[{self.progress.ended}/{self.progress.num_jobs}] {describe(outcome)}", flush=True)

    def tick(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class LiveTable:
    """The running jobs with their epoch and validation accuracy, drawn anew in place; jobs that ended scroll above.

    Args:
        progress: Counts for it.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._running: dict[str, tuple[Job, float]] = {}
        self._looked = 0.0
        self._live = Live(self._draw(), console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def started(self, job: Job) -> None:
        """A row more."""
        self._running[job.name] = (job, time.monotonic())
        self._refresh()

    def ended(self, outcome: Outcome) -> None:
        """A row less, and a line above."""
        self.progress.count(outcome)
        self._running.pop(outcome.job.name)
        self._live.console.print(Text(describe(outcome), style=STYLES.get(outcome.status, "")))
        self._refresh()

    def tick(self) -> None:
        """Looks what the running jobs have reached."""
        if time.monotonic() - self._looked > LOOK_S:
            self._refresh()

    def close(self) -> None:
        """Takes the table away."""
        self._live.stop()

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("running", "epoch", ACCURACY.title, "s"):
            table.add_column(name, justify="left" if name == "running" else "right")
        for job, started in self._running.values():
            epoch, accuracy = latest(job.folder)
            table.add_row(Text(job.name), epoch, accuracy, f"{time.monotonic() - started:.0f}")
        return Group(table, Text(self.progress.summary(), style="bold"))


STYLES = {Status.FAILED: "red", Status.KILLED: "red", Status.DIVERGED: "yellow", Status.INTERRUPTED: "yellow"}


def describe(outcome: Outcome) -> str:
    """A job's end on one line."""
    epoch, accuracy = latest(outcome.job.folder)
    reached = f", epoch {epoch}, {ACCURACY.title} {accuracy}" if epoch else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.job.name}: {outcome.status}{reached}, {outcome.seconds:.1f} s{reason}"


def latest(folder: RunFolder) -> tuple[str, str]:
    """The last row of a run's metrics.csv: its epoch, and the watched split's accuracy; empty before the first."""
    try:
        with folder.metrics_csv.open(newline="") as file:
            rows = list(csv.DictReader(file))
        watched = (ACCURACY.of("val"), ACCURACY.of("test"))
        accuracy = next((rows[-1][name] for name in watched if rows[-1].get(name)), "")
        return rows[-1]["epoch"], ACCURACY.text(float(accuracy)) if accuracy else ""
    except (OSError, ValueError, LookupError, csv.Error):  # no file, no row, or not one of ours
        return "", ""
