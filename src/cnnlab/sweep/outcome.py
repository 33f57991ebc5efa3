"""What came of a job."""

import contextlib
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import EXIT_CODES
from cnnlab.result import Result, read_result
from cnnlab.sweep.engines.engine import Ended
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import PROMPT

EXIT_SIGNAL = 128
FULL_BYTES = 32_768  # so little is left on a disk on which a run cannot even begin


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        status: As in result.json.
        reason: One line, unless the run completed.
        seconds: How long its process ran.
    """

    job: Job
    status: str
    reason: str
    seconds: float


def outcome(ended: Ended, log: Path) -> Outcome:
    """Of a process that is gone; where it left no word of its own in result.json, this writes it.

    Args:
        ended: How it ended.
        log: What it printed.
    """
    job, result = ended.job, read_result(ended.job.folder)
    status = "" if result is None else str(result["status"])
    if _is_its_own_word(ended.exit_code, status):
        return Outcome(job, status, job.error, ended.seconds)
    reason = _last_error(log) if ended.exit_code > 0 else None
    if reason is not None:
        return Outcome(job, "failed", reason, ended.seconds)  # refused, before anything was written
    reason = _explain(ended)
    status = "interrupted" if ended.exit_code < 0 else "failed"  # what was killed can go on
    if job.status is not None:
        with contextlib.suppress(OSError):  # a full disk
            Result.of_begun_run(job.folder, status, reason).write(job.folder)
    return Outcome(job, "failed", reason, ended.seconds)


def _is_its_own_word(exit_code: int, status: str) -> bool:
    """Whether a process that ended so has itself written that it would; what it wrote may be of an earlier start."""
    if status == "failed":
        return exit_code >= 0
    if status == "interrupted":
        return exit_code > EXIT_SIGNAL
    return EXIT_CODES.get(status) == exit_code


def _last_error(log: Path) -> str | None:
    text = log.read_text(errors="replace") if log.is_file() else ""
    latest = text.rpartition(f"\n{PROMPT}")[2]
    errors = [line.removeprefix("error: ") for line in latest.splitlines() if line.startswith("error: ")]
    return errors[-1] if errors else None


def _explain(ended: Ended) -> str:
    if ended.reason:
        return ended.reason
    if ended.exit_code < 0:
        name = signal.Signals(-ended.exit_code).name
        return f"killed by {name}" + ("; out of memory?" if name == "SIGKILL" else "")
    folder = ended.job.folder.parent
    if shutil.disk_usage(folder).free < FULL_BYTES:  # its log cannot tell
        return f"no space left on the disk of {folder}"
    return f"exited with {ended.exit_code} before the run was completed"
