"""What came of a job."""

import contextlib
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import EXIT_CODES
from cnnlab.run.result import Result, read_result
from cnnlab.signals import SIGNALS
from cnnlab.sweep.engines.engine import Ended
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import PROMPT

EXIT_SIGNAL = 128
TOLD_TO_END = {EXIT_SIGNAL + signum: signum for signum in SIGNALS}  # exit codes of those that were, and ended
LOG_END_BYTES = 65_536  # of a log, in which a last error is
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


def outcome_before(job: Job) -> Outcome:
    """Of a run that an earlier sweep has brought to its end."""
    return Outcome(job, str(job.status), job.error, 0.0)


def outcome(ended: Ended) -> Outcome:
    """Of a process that is gone; where it left no word of its own in result.json, this writes it."""
    job, result = ended.job, read_result(ended.job.folder)
    status = "" if result is None else str(result["status"])
    if _is_its_own_word(ended.exit_code, status):
        return Outcome(job, status, job.error, ended.seconds)
    reason = _last_error(job.log) if ended.exit_code > 0 else None
    if reason is not None:
        return Outcome(job, "failed", reason, ended.seconds)  # refused, before anything was written
    reason, is_told = _explain(ended), ended.exit_code in TOLD_TO_END
    status = "interrupted" if is_told or ended.exit_code < 0 else "failed"  # what was killed can go on
    if job.status is not None:
        with contextlib.suppress(OSError):  # a full disk
            Result.of_begun_run(job.folder, status, reason).write(job.folder)
    return Outcome(job, "interrupted" if is_told else "failed", reason, ended.seconds)


def _is_its_own_word(exit_code: int, status: str) -> bool:
    """Whether a process that ended so has itself written that it would; what it wrote may be of an earlier start."""
    if status == "failed":
        return exit_code >= 0
    if status == "interrupted":
        return exit_code > EXIT_SIGNAL
    return EXIT_CODES.get(status) == exit_code


def _last_error(log: Path) -> str | None:
    text = ""
    if log.is_file():
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_END_BYTES))
            text = file.read().decode(errors="replace")
    latest = text.rpartition(f"\n{PROMPT}")[2]
    errors = [line.removeprefix("error: ") for line in latest.splitlines() if line.startswith("error: ")]
    return errors[-1] if errors else None


def _explain(ended: Ended) -> str:
    if ended.reason:
        return ended.reason
    if ended.exit_code in TOLD_TO_END:
        return f"signal {TOLD_TO_END[ended.exit_code]}"
    if ended.exit_code < 0:
        names = {one.value: one.name for one in signal.Signals}  # real-time signals have none
        name = names.get(-ended.exit_code, f"signal {-ended.exit_code}")
        return f"killed by {name}" + ("; out of memory?" if name == "SIGKILL" else "")
    folder = ended.job.folder.parent
    if shutil.disk_usage(folder).free < FULL_BYTES:  # its log cannot tell
        return f"no space left on the disk of {folder}"
    return f"exited with {ended.exit_code} before the run was completed"
