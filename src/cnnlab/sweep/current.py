"""Which run of a job counts, if it has several: that of the last command, which may have changed the config back."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cnnlab.files import read_text, write_atomically
from cnnlab.sweep.job import Job
from cnnlab.sweep.names import with_number, without_number

FILE = "current.json"  # in a sweep's folder: job name to the number of its run, for jobs that have had several
NEWEST = "of a job with several runs, tables and curves count the newest"


def record_current(folder: Path, jobs: Iterable[Job]) -> None:
    """Records the runs that a command has planned; earlier ones of other jobs stay recorded.

    Args:
        folder: The sweep's folder, which is locked.
        jobs: As planned, with their numbers.
    """
    known = _read(folder)
    planned = dict(without_number(job.name) for job in jobs)
    now = known | {name: number for name, number in planned.items() if number > 1 or name in known}
    if now != known:
        try:
            write_atomically(folder / FILE, json.dumps(now, indent=2).encode())
        except OSError as error:
            print(f"cannot write {folder / FILE} ({error.strerror}); {NEWEST}", file=sys.stderr, flush=True)


def current_names(folder: Path, names: Iterable[str]) -> set[str]:
    """Those of a sweep's run folders that count: of each job, the last command's run, else the newest.

    Args:
        folder: The sweep's folder.
        names: The names of the run folders that have a result.
    """
    known = _read(folder)
    newest: dict[str, int] = {}
    for name in names:
        job, number = without_number(name)
        newest[job] = max(number, newest.get(job, 1))
    for job, number in known.items():
        if job in newest and os.path.lexists(folder / with_number(job, number)):
            newest[job] = number
    return {with_number(job, number) for job, number in newest.items()}


def _read(folder: Path) -> dict[str, int]:
    try:
        content = json.loads(read_text(folder / FILE))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        print(f"{folder / FILE} cannot be read; {NEWEST}", file=sys.stderr, flush=True)
        return {}
    return {str(name): number for name, number in content.items() if type(number) is int and number > 0}
