"""A sweep's progress display: a live table on a terminal, plain lines elsewhere."""

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

from cnnlab.files import read_text
from cnnlab.metrics import ACCURACY, SPLITS
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.sweep.job import Job
from cnnlab.sweep.outcome import Outcome

REFRESH_INTERVAL_S = 1.0  # of the running jobs' metrics


class Display(Protocol):
    """Shows a sweep's progress."""

    def started(self, job: Job) -> None:
        """Called when a job's process has started."""

    def ended(self, outcome: Outcome) -> None:
        """Called when a job's process has ended."""

    def tick(self) -> None:
        """Called regularly in between."""

    def close(self) -> None:
        """Called once, at the end."""


def make_display(num_jobs: int, skipped: int) -> Display:
    """The display that suits standard output.

    Args:
        num_jobs: How many jobs to run.
        skipped: How many jobs were done before.
    """
    kind = LiveTable if sys.stdout.isatty() else Lines
    return kind(Progress(num_jobs, skipped))


class Progress:
    """Job counts and the remaining time.

    Args:
        num_jobs: How many jobs to run.
        skipped: How many jobs were done before.
    """

    def __init__(self, num_jobs: int, skipped: int) -> None:
        self.num_jobs = num_jobs
        self.skipped = skipped
        self.started = time.monotonic()
        self.counts: Counter[str] = Counter()

    @property
    def ended(self) -> int:
        """How many jobs have ended."""
        return self.counts.total()

    def count(self, outcome: Outcome) -> None:
        """Counts a job that has ended."""
        self.counts[outcome.status] += 1

    def time_left(self) -> str:
        """The remaining time, if the remaining jobs take as long as those so far."""
        if not self.ended:
            return "?"
        seconds = (time.monotonic() - self.started) / self.ended * (self.num_jobs - self.ended)
        return str(timedelta(seconds=round(seconds)))

    def summary(self) -> str:
        """One line of counts."""
        counts = dict(self.counts)
        if self.skipped:
            counts["skipped"] = self.skipped
        parts = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"{self.ended}/{self.num_jobs} jobs{parts and ': '}{parts}; time left {self.time_left()}"


class Lines:
    """Prints a line for each job that ends.

    Args:
        progress: Keeps the counts.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def started(self, job: Job) -> None:
        """Prints nothing: only the end of a job matters."""

    def ended(self, outcome: Outcome) -> None:
        """Prints the job's line."""
        self.progress.count(outcome)
        print(f"[{self.progress.ended}/{self.progress.num_jobs}] {describe(outcome)}", flush=True)

    def tick(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class LiveTable:
    """The running jobs with their epoch and validation accuracy, redrawn in place; finished jobs scroll above.

    Args:
        progress: Keeps the counts.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._running: dict[str, tuple[Job, float]] = {}
        self._refreshed_at = 0.0
        self._live = Live(self._draw(), console=Console(), auto_refresh=False, transient=True)
        self._live.start()

    def started(self, job: Job) -> None:
        """Adds the job's row."""
        self._running[job.name] = (job, time.monotonic())
        self._refresh()

    def ended(self, outcome: Outcome) -> None:
        """Removes the job's row and prints its line above the table."""
        self.progress.count(outcome)
        self._running.pop(outcome.job.name)
        self._live.console.print(Text(describe(outcome), style=STYLES.get(outcome.status, "")))
        self._refresh()

    def tick(self) -> None:
        """Refreshes the table if it is due."""
        if time.monotonic() - self._refreshed_at > REFRESH_INTERVAL_S:
            self._refresh()

    def close(self) -> None:
        """Removes the table."""
        self._live.stop()

    def _refresh(self) -> None:
        self._refreshed_at = time.monotonic()
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("running", "epoch", "reached", "s"):
            table.add_column(name, justify="left" if name == "running" else "right")
        for job, started in self._running.values():
            epoch, accuracy = latest(job.folder)
            table.add_row(Text(job.name), epoch, accuracy, f"{time.monotonic() - started:.0f}")
        return Group(table, Text(self.progress.summary(), style="bold"))


STYLES = {Status.FAILED: "red", Status.KILLED: "red", Status.DIVERGED: "yellow", Status.INTERRUPTED: "yellow"}


def describe(outcome: Outcome) -> str:
    """A job's outcome on one line."""
    epoch, accuracy = latest(outcome.job.folder)
    reached = f", epoch {epoch}" + (f", {accuracy}" if accuracy else "") if epoch else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.job.name}: {outcome.status}{reached}, {outcome.seconds:.1f} s{reason}"


def latest(folder: RunFolder) -> tuple[str, str]:
    """The last epoch in a run's metrics.csv, and the watched split's accuracy in words; empty before the first."""
    try:
        last = list(csv.DictReader(read_text(folder.metrics_csv).splitlines()))[-1]
        epoch = last["epoch"]
        for split in ("val", "test"):
            if last.get(ACCURACY.of(split)):
                return epoch, f"{SPLITS[split]} {ACCURACY.title} {ACCURACY.text(float(last[ACCURACY.of(split)]))}"
        return epoch, ""
    except (OSError, ValueError, LookupError, TypeError, csv.Error):  # no file, no row, or another format
        return "", ""
