"""Disks that are full at random moments: small file systems of their own, which then get more room."""

from pathlib import Path
from random import Random

from tests.disks import resize, small_disk
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


def fill_under_run(rng: Random, place: Path) -> Ending:
    """The disk of a run is too small; with more room, the run is resumed, or started again."""
    expected, _ = faultless_run()
    with small_disk(place / "disk", rng.randint(20, 1500)) as disk:
        run = disk / "run"
        code, text = start(place, *RUN, f"hydra.run.dir={run}").end(0, USER_ERROR)
        if code == USER_ERROR:
            refused(text)
        resize(disk, ROOM_KB)
        record = run / ".hydra" / "overrides.yaml"
        begun = record.is_file() and record.stat().st_size > 0
        start(place, *((f"resume={run}",) if begun else (*RUN, f"hydra.run.dir={run}"))).end(0)
        if weights(run) != expected:
            raise Wrong(f"other weights after a full disk:\n{text}")
    return Ending.RECOVERED


def fill_under_sweep(rng: Random, place: Path) -> Ending:
    """The disk of a sweep is too small; with more room, the same command completes it."""
    expected, _ = faultless_sweep()
    with small_disk(place / "disk", rng.randint(100, 4000)) as disk:
        command = ("-m", *RUN, *JOBS, f"hydra.sweep.dir={disk / 'sweep'}")
        _, text = start(place, *command, lends_server=True).end(0, 1, USER_ERROR)
        resize(disk, ROOM_KB)
        start(place, *command, lends_server=True).end(0)
        if sweep_weights(disk / "sweep") != expected:
            raise Wrong(f"other weights after a full disk:\n{text}")
    return Ending.RECOVERED
