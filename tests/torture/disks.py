"""Disks that are full at random moments: small file systems of their own, which then get more room."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.torture.campaign import Ending, Wrong
from tests.torture.commands import (
    JOBS,
    RUN,
    USER_ERROR,
    faultless_run,
    faultless_sweep,
    refused,
    start,
    sweep_weights,
    weights,
)

ROOM_KB = 100_000


def can_mount() -> bool:
    """Whether this user can mount a file system."""
    try:
        with tempfile.TemporaryDirectory() as place, _disk(Path(place) / "probe", 100):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def fill_under_run(rng: Random, place: Path) -> Ending:
    """The disk of a run is too small; with more room, the run is resumed, or started again."""
    expected, _ = faultless_run()
    with _disk(place / "disk", rng.randint(20, 1500)) as disk:
        run = disk / "run"
        code, text = start(place, *RUN, f"hydra.run.dir={run}").end(0, USER_ERROR)
        if code == USER_ERROR:
            refused(text)
        _resize(disk, ROOM_KB)
        record = run / ".hydra" / "overrides.yaml"
        begun = record.is_file() and record.stat().st_size > 0
        start(place, *((f"resume={run}",) if begun else (*RUN, f"hydra.run.dir={run}"))).end(0)
        if weights(run) != expected:
            raise Wrong(f"other weights after a full disk:\n{text}")
    return Ending.RECOVERED


def fill_under_sweep(rng: Random, place: Path) -> Ending:
    """The disk of a sweep is too small; with more room, the same command completes it."""
    expected, _ = faultless_sweep()
    with _disk(place / "disk", rng.randint(100, 4000)) as disk:
        command = ("-m", *RUN, *JOBS, f"hydra.sweep.dir={disk / 'sweep'}")
        _, text = start(place, *command, lends_server=True).end(0, 1, USER_ERROR)
        _resize(disk, ROOM_KB)
        start(place, *command, lends_server=True).end(0)
        if sweep_weights(disk / "sweep") != expected:
            raise Wrong(f"other weights after a full disk:\n{text}")
    return Ending.RECOVERED


@contextmanager
def _disk(folder: Path, size_kb: int) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "cnnlab", folder], check=True, capture_output=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _resize(disk: Path, size_kb: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size_kb}k", disk], check=True)
