"""Signals at random moments."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from tests.conftest import REPOSITORY
from tests.processes import unmeasured
from tests.torture.campaign import Ending, Wrong
from tests.torture.commands import (
    JOBS,
    PATIENCE_S,
    RUN,
    Command,
    faultless_run,
    faultless_sweep,
    start,
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
        command = start(place, *_go_on(run))
        command.process.join(rng.uniform(0.02, seconds))
        if command.process.is_alive() and command.process.pid is not None:
            os.kill(command.process.pid, rng.choice(SIGNALS))
        command.end(*ENDS)
    start(place, *_go_on(run)).end(0)
    return _same(weights(run), expected)


def kill_starting(rng: Random, place: Path) -> Ending:
    """A process that is still importing, composing or loading is killed; the same command then does all of it."""
    run, (expected, _) = place / "run", faultless_run()
    signum = rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    with (place / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "train.py", *RUN, f"hydra.run.dir={run}"],
            cwd=REPOSITORY, env=unmeasured(), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        time.sleep(rng.uniform(0.3, 6.0))  # the interpreter itself takes the first tenths of a second
        process.send_signal(signum)
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f"it does not end after {signal.Signals(signum).name}") from None
    text = (place / "output").read_text()
    if code not in (0, 128 + signum) or "Traceback" in text:
        raise Wrong(f"{signal.Signals(signum).name}, exit code {code}:\n{text}")
    start(place, *_go_on(run)).end(0)
    return _same(weights(run), expected)


def kill_sweep(rng: Random, place: Path) -> Ending:
    """A sweep, a job of it or its fork server is killed up to four times, and the same command is given again."""
    sweep, (expected, seconds) = place / "sweep", faultless_sweep()
    for _ in range(rng.randint(1, MAX_KILLS)):
        command = start(place, *_sweep(sweep))
        time.sleep(rng.uniform(0.1, seconds))
        _kill_one_of(command, rng)
        # a killed job, or a server's, is a failure of the sweep that lives on
        command.end(*ENDS, 1)
    start(place, *_sweep(sweep)).end(0)
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
        started = start(place, *command, lends_server=True)
        started.process.join(rng.uniform(0.1, faultless_sweep()[1]))
        if started.process.is_alive() and started.process.pid is not None:
            os.kill(started.process.pid, rng.choice(SIGNALS))
        started.end(*ENDS)
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
        command.process.join(rng.uniform(0.02, seconds))
        command.process.kill()
        command.process.join()
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


def _kill_one_of(command: Command, rng: Random) -> None:
    """The sweep itself, or one of its descendants."""
    family = [command.process.pid, *_descendants(command.process.pid)]
    if command.process.is_alive():
        victim = rng.choice(family)
        if victim == command.process.pid:
            os.kill(victim, rng.choice(SIGNALS))
        else:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return  # it has just ended


def _descendants(pid: int | None) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    children = [int(child) for child in found.stdout.split()]
    return [*children, *(grandchild for child in children for grandchild in _descendants(child))]


def _same(found: object, expected: object) -> Ending:
    if found != expected:
        raise Wrong(f"other weights: {found}, not {expected}")
    return Ending.RECOVERED
