"""Finds the processes of a sweep, and strikes at random ones; damages its files.

For tests and campaigns: every blow must leave a sweep that the same command completes with the same weights.
"""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

BLOWS = ("sweep", "server", "job", "jobs", "server+job", "all", "group", "int", "int,int", "term", "hup", "stop")


def state(pid: int) -> tuple[str, int] | None:
    """A process's state, `Z` for a zombie, and its parent; None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    found = state(pid)
    return found is not None and found[0] != "Z"


def parent(pid: int) -> int:
    """The process's parent; 0 if there is no such process."""
    found = state(pid)
    return found[1] if found is not None else 0


def children(pid: int) -> list[int]:
    """The living children of a sweep's process: its fork server, or Slurm's commands."""
    return [child for child in map(int, _numbers()) if parent(child) == pid and is_alive(child)]


def jobs(folder: Path) -> list[int]:
    """The processes whose output is a log of this sweep, whoever their parents are now."""
    found = []
    for number in _numbers():
        with suppress(OSError):
            if Path(f"/proc/{number}/fd/1").readlink().parent == folder / "logs":
                found.append(int(number))
    return found


def strike(sweep: Popen[str], folder: Path, chance: random.Random) -> str:
    """Kills, interrupts or stops random processes of a sweep, and returns which of `BLOWS` it was.

    Args:
        sweep: Started in a session of its own.
        folder: Its folder.
        chance: Decides.
    """
    blow = chance.choice(BLOWS)
    servers, running = children(sweep.pid), jobs(folder)
    targets = {
        "sweep": [sweep.pid],
        "server": servers,
        "job": running[:1],
        "jobs": running,
        "server+job": [*servers, *running[-1:]],
        "all": [sweep.pid, *servers, *running],
        "group": [-sweep.pid],
    }
    match blow:
        case "int" | "int,int":
            _send(signal.SIGINT, sweep.pid)
            if blow == "int,int":
                time.sleep(chance.uniform(0, 1))
                _send(signal.SIGINT, sweep.pid)
        case "term":
            _send(signal.SIGTERM, -sweep.pid)
        case "hup":
            _send(signal.SIGHUP, sweep.pid)
        case "stop":
            _send(signal.SIGSTOP, *servers, *running)
            time.sleep(chance.uniform(0, 1))
            _send(signal.SIGCONT, *servers, *running)
        case _:
            _send(signal.SIGKILL, *targets[blow])
    return blow


def tear(path: Path, chance: random.Random) -> bool:
    """Cuts some bytes off a file's end, as a full disk does; returns whether it could."""
    size = path.stat().st_size if path.is_file() else 0
    if size < 30:
        return False
    os.truncate(path, size - chance.randint(1, 20))
    return True


def leftovers(folder: Path) -> list[str]:
    """What a completed sweep must not leave: living jobs, halves of files and of folders."""
    stray = [str(path) for path in folder.rglob("*") if path.name.startswith(".removed-") or path.suffix == ".tmp"]
    return [*(f"process {pid}" for pid in jobs(folder)), *stray]


def _send(signum: signal.Signals, *pids: int) -> None:
    for pid in pids:
        assert abs(pid) > 1, "0 and -1 are whole groups of processes"
        with suppress(ProcessLookupError):
            os.kill(pid, signum)


def _numbers() -> list[str]:
    return [path.name for path in Path("/proc").glob("[0-9]*")]
