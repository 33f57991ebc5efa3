"""Signals at random moments."""

import signal
import subprocess
from pathlib import Path
from random import Random

from tests.sweep.kills import leftovers, strike
from tests.torture.campaign import Ending, Wrong
from tests.torture.commands import (
    JOBS,
    RUN,
    Command,
    faultless_run,
    faultless_sweep,
    start,
    start_from_disk,
    sweep_weights,
    weights,
)

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDS = (0, *(-signum for signum in SIGNALS), *(128 + signum for signum in SIGNALS))
MAX_KILLS = 4
NUM_TRIALS = 4


def kill_run(rng: Random, place: Path) -> Ending:
    """A run is killed up to four times, and resumed each time."""
    run, (expected, seconds) = place / "run", faultless_run()
    for _ in range(rng.randint(1, MAX_KILLS)):
        _kill(start(place, *_go_on(run)), rng, seconds)
    start(place, *_go_on(run)).end(0)
    return _same(weights(run), expected)


def kill_starting(rng: Random, place: Path) -> Ending:
    """A process that is still importing, composing or loading is killed; the same command then does all of it."""
    run, (expected, _) = place / "run", faultless_run()
    signum = rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    command = start_from_disk(place, *RUN, f"hydra.run.dir={run}")
    command.code(rng.uniform(0.3, 6.0))  # the interpreter itself takes the first tenths of a second
    command.send(signum)
    command.end(0, 128 + signum, -signum)  # the interpreter itself may not be there yet
    start(place, *_go_on(run)).end(0)
    return _same(weights(run), expected)


def kill_sweep(rng: Random, place: Path) -> Ending:
    """A sweep, jobs of it or its fork server are killed up to four times, and the same command is given again."""
    sweep, (expected, seconds) = place / "sweep", faultless_sweep()
    for _ in range(rng.randint(1, MAX_KILLS)):
        command = start_from_disk(place, *_sweep(sweep))
        assert isinstance(command.process, subprocess.Popen)
        if command.code(rng.uniform(0.1, seconds)) is None:
            strike(command.process, sweep, rng)
        command.end(*ENDS, 1)  # a killed job is a failure of a sweep that lives on
    start(place, *_sweep(sweep), lends_server=True).end(0)
    if found := leftovers(sweep):
        raise Wrong(f"left behind: {found}")
    return _same(sweep_weights(sweep), expected)


def kill_search(rng: Random, place: Path) -> Ending:
    """A search is killed up to four times, and the same command is given again until its trials are done."""
    sweep = place / "search"
    search = (
        "hydra/sweeper=optuna",
        f"hydra.sweeper.n_trials={NUM_TRIALS}",
        "optimizer.lr=tag(log,interval(1e-3,1e-1))",
    )
    command = ("-m", *RUN, *search, f"hydra.sweep.dir={sweep}")
    for _ in range(rng.randint(1, MAX_KILLS)):
        _kill(start(place, *command, lends_server=True), rng, faultless_sweep()[1])
    start(place, *command, lends_server=True).end(0)
    found = sweep_weights(sweep)
    if len(found) != NUM_TRIALS:
        raise Wrong(f"{len(found)} trials completed, not {NUM_TRIALS}: {sorted(found)}")
    return Ending.RECOVERED


def start_together(rng: Random, place: Path) -> Ending:
    """Several processes start, or resume, the same run: one does it, the others are refused."""
    run, (expected, seconds) = place / "run", faultless_run()
    if rng.random() < 0.5:
        command = start(place, *_go_on(run))
        command.code(rng.uniform(0.02, seconds))
        command.send(signal.SIGKILL)
        command.end(0, -signal.SIGKILL)
    commands = [start(place, *_go_on(run)) for _ in range(rng.randint(2, 5))]
    codes = sorted(command.end(0, 2)[0] for command in commands)
    if codes.count(0) < 1:
        raise Wrong(f"none of {len(commands)} ran: {[command.text for command in commands]}")
    return _same(weights(run), expected)


def _go_on(run: Path) -> tuple[str, ...]:
    """The command that a user gives next."""
    record = run / ".hydra" / "overrides.yaml"
    is_begun = record.is_file() and record.stat().st_size > 0
    return (f"resume={run}",) if is_begun else (*RUN, f"hydra.run.dir={run}")


def _sweep(sweep: Path) -> tuple[str, ...]:
    return ("-m", *RUN, *JOBS, f"hydra.sweep.dir={sweep}")


def _kill(command: Command, rng: Random, seconds: float) -> None:
    command.code(rng.uniform(0.02, seconds))
    command.send(rng.choice(SIGNALS))
    command.end(*ENDS)


def _same(found: object, expected: object) -> Ending:
    if found != expected:
        raise Wrong(f"other weights: {found}, not {expected}")
    return Ending.RECOVERED
