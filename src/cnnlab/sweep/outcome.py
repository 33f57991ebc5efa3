"""A job's outcome."""

import contextlib
import errno
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import EXIT_USER_ERROR
from cnnlab.file_errors import DISK_FULL
from cnnlab.files import read_tail
from cnnlab.run.result import Result
from cnnlab.run.status import Status
from cnnlab.signals import EXIT_SIGNAL, SIGNALS
from cnnlab.sweep.engines.engine import Ended
from cnnlab.sweep.job import Job
from cnnlab.sweep.task import COMMAND_PREFIX

SIGNAL_BY_EXIT_CODE = {EXIT_SIGNAL + signum: signum for signum in SIGNALS}  # exit code to signal
LOG_TAIL_BYTES = 65_536  # the last error is in there
DISK_FULL_TEXTS = tuple(os.strerror(number).lower() for number in DISK_FULL)
MIN_FREE_BYTES = 32_768  # with less free space, a run cannot start


@dataclass(frozen=True)
class Outcome:
    """A job's outcome.

    Attributes:
        reason: One line, unless the run completed.
        seconds: How long its process ran.
    """

    job: Job
    status: Status
    reason: str
    seconds: float

    @property
    def is_for_lack_of_space(self) -> bool:
        """Whether the disk was full, which says nothing about the run's values."""
        return self.status is Status.FAILED and any(text in self.reason.lower() for text in DISK_FULL_TEXTS)


def earlier_outcome(job: Job) -> Outcome:
    """The outcome of a run that an earlier sweep has finished."""
    status = job.folder.status
    assert status is not None, "it has started"
    return Outcome(job, status, job.folder.error, 0.0)


def determine_outcome(ended: Ended) -> Outcome:
    """The outcome of a job whose process has ended; writes result.json if the process did not."""
    job, folder = ended.job, ended.job.folder
    result = folder.result()
    status = None if result is None else Status(result["status"])
    reason = _last_error(job.log) if ended.exit_code > 0 else None
    was_refused = ended.exit_code == EXIT_USER_ERROR and reason is not None and reason not in folder.error
    if status is not None and _agrees(status, ended.exit_code) and not was_refused:
        return Outcome(job, status, folder.error, ended.seconds)
    if reason is not None:
        return Outcome(job, Status.FAILED, reason, ended.seconds)  # rejected before anything was written
    status, reason = _status_by(ended.exit_code), _explain(ended)
    if folder.has_started:
        with contextlib.suppress(Exception):  # a full disk, or a record that is damaged in any way
            Result.of_started_run(folder, status, reason).write(folder)
    return Outcome(job, status, reason, ended.seconds)


def _agrees(status: Status, exit_code: int) -> bool:
    """Whether result.json is from the process with this exit code; it may be from an earlier start."""
    if status.is_final and exit_code > EXIT_SIGNAL:
        return True  # the signal came once the result was written
    if status is Status.FAILED:
        return exit_code >= 0
    if status is Status.INTERRUPTED:
        return exit_code > EXIT_SIGNAL
    return status.exit_code == exit_code


def _status_by(exit_code: int) -> Status:
    if exit_code in SIGNAL_BY_EXIT_CODE:
        return Status.INTERRUPTED
    return Status.KILLED if exit_code < 0 else Status.FAILED


def _last_error(log: Path) -> str | None:
    try:
        text = read_tail(log, LOG_TAIL_BYTES)
    except OSError:
        return None
    latest = text.rpartition(f"\n{COMMAND_PREFIX}")[2]
    errors = [line.removeprefix("error: ") for line in latest.splitlines() if line.startswith("error: ")]
    return errors[-1] if errors else None


def _explain(ended: Ended) -> str:
    if ended.reason:
        return ended.reason
    if ended.exit_code in SIGNAL_BY_EXIT_CODE:
        return SIGNAL_BY_EXIT_CODE[ended.exit_code].name
    if ended.exit_code < 0:
        names = {member.value: member.name for member in signal.Signals}  # real-time signals have none
        name = names.get(-ended.exit_code, f"signal {-ended.exit_code}")
        return f"killed by {name}" + ("; out of memory?" if name == "SIGKILL" else "")
    log, folder = ended.job.log, ended.job.folder.path.parent
    if log.is_symlink() or (log.exists() and not (log.is_file() and os.access(log, os.W_OK))):
        return f"cannot write the log {log}; remove what is there"
    if not folder.exists():
        return "the sweep's folder was removed"
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:  # then its log is empty
        return f"{os.strerror(errno.ENOSPC)}: {folder}"
    return f"exited with code {ended.exit_code} before the run completed"
