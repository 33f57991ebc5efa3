"""`make lecture`: runs what is missing, measures, judges, and writes the page."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from joblib import cpu_count  # type: ignore[import-untyped]

from cnnlab.errors import UserError
from cnnlab.lecture.judge import judge
from cnnlab.lecture.store import load, save, save_tuning, sources_digest, tuning_path
from cnnlab.lecture.study import BUDGETS, Budget, Measured, Study, Workspace
from cnnlab.run.resume import quote
from cnnlab.signals import EXIT_SIGNAL, SIGNALS, Interrupted, passed_on
from cnnlab.sweep.engines.fork_server import THREADS_VARIABLES
from cnnlab.sweep.tuning import FOLDER, read_record, read_record_file

Progress = Callable[[str], None]


def measure(
    studies: Sequence[Study],
    budget: Budget,
    program: Path,
    sweeps: Path,
    folder: Path,
    progress: Progress,
    full: Path | None = None,
) -> None:
    """Runs and measures studies, each unless its stored result is of this budget, or a larger one, and of this code.

    A sweep does only what is missing, so that what was interrupted continues with the same command. With a budget that
    does not tune, learning rates are those that a full run of the same code has chosen, if there is one.

    Args:
        studies: Which.
        budget: How much.
        program: train.py.
        sweeps: The folder of all sweeps.
        folder: The lecture's, for results.
        progress: Called with a line for each study.
        full: The lecture's folder of a full run; None without any.

    Raises:
        UserError: If a sweep fails, or the claims cannot be judged by what its runs give.
        Interrupted: If a sweep was interrupted.
    """
    for study in studies:
        stored = load(folder, study)
        if stored and _suffices(stored, study, budget):
            progress(f"{study.name}: measured {stored['created']} (budget {stored['budget']}), nothing to do")
            continue
        before_s = stored["seconds"] if stored and _is_of_this_code(stored, study) else 0.0  # its runs are used again
        started = time.monotonic()
        chosen = _run_sweeps(study, budget, program, sweeps, progress, full)
        progress(f"{study.name}: measuring")
        workspace = Workspace(study.budget(budget), sweeps, chosen_before=chosen["data"] if chosen else None)
        measured = study.measure(workspace)
        _check(study, measured)
        for run in sorted(workspace.diverged):
            progress(f"{study.name}: without the seed of {run}, which diverged")
        seconds = time.monotonic() - started
        tuned = (chosen.get("tuned") or chosen["created"]) if chosen else None
        save(folder, study, budget, measured, before_s + seconds, workspace.diverged, tuned)
        for sweep in study.sweeps:
            if (own := read_record(sweeps / sweep)) is not None:
                save_tuning(folder, sweep, own)
        progress(f"{study.name}: done, {seconds:.0f} s")


def _run_sweeps(
    study: Study, budget: Budget, program: Path, sweeps: Path, progress: Progress, full: Path | None
) -> dict[str, Any] | None:
    """Runs a study's sweeps; the result of the full run that chose the learning rates, None if the sweeps did."""
    chosen = None if full is None or budget.tunes else _full_run(full, study, sweeps)
    for sweep in study.sweeps:
        run_sweep(sweep, budget, program, sweeps, progress, tuning_path(full, sweep) if full and chosen else None)
    if full and chosen and not all(_is_taken_over(full, sweep, sweeps) for sweep in study.sweeps):
        return None  # a config file that is no source of the study was changed, and the sweep has tuned itself
    return chosen


def _suffices(stored: dict[str, Any], study: Study, budget: Budget) -> bool:
    """Whether a result is of this code and has all seeds of a budget."""
    before = BUDGETS.get(stored["budget"])
    if before is None or not _is_of_this_code(stored, study):
        return False
    return set(study.budget(before).seeds) >= set(study.budget(budget).seeds)


def _is_of_this_code(stored: dict[str, Any], study: Study) -> bool:
    return bool(stored["sources"] == sources_digest(study))


def _full_run(full: Path, study: Study, sweeps: Path) -> dict[str, Any] | None:
    """The result of a full run that has chosen a study's learning rates; None if they are to be chosen here.

    They are if the full run was of other code, or if the sweeps here have begun to choose.
    """
    if any((sweeps / sweep / FOLDER).is_dir() for sweep in study.sweeps):
        return None
    if not any(tuning_path(full, sweep).is_file() for sweep in study.sweeps):
        return None
    stored = load(full, study)
    return stored if stored is not None and _is_of_this_code(stored, study) else None


def _is_taken_over(full: Path, sweep: str, sweeps: Path) -> bool:
    """Whether all that a sweep has chosen was chosen by the full run."""
    own, theirs = read_record(sweeps / sweep), read_record_file(tuning_path(full, sweep))
    if own is None or theirs is None:
        return own is None
    is_same = all(own[name] == theirs[name] for name in ("method", "objective", "seeds"))
    return is_same and all(candidate in theirs["candidates"] for candidate in own["candidates"])


def _check(study: Study, measured: Measured) -> None:
    """Refuses effects that no page could judge, before they are stored."""
    try:
        judge(study.claims, measured.effects, study.claims)
    except ValueError as error:
        raise UserError(f"{study.name} cannot be judged: {error}") from None


def run_sweep(
    sweep: str, budget: Budget, program: Path, sweeps: Path, progress: Progress, record: Path | None = None
) -> None:
    """Runs a sweep as a user would type it.

    Args:
        sweep: An option of conf/sweep/, which is its folder's name, too.
        budget: Its overrides.
        program: train.py.
        sweeps: The folder of all sweeps.
        progress: Called with the command.
        record: A file of trials that are not run again; nothing if it does not exist.

    Raises:
        UserError: If it fails.
        Interrupted: If it was interrupted.
    """
    arguments = [f"sweep={sweep}", *budget.overrides]
    if record is not None and record.is_file():
        is_near = record.is_relative_to(program.parent)
        arguments.append(f"tuning.record={quote(record.relative_to(program.parent) if is_near else record)}")
    if sweeps != program.parent / "outputs" / "sweeps":
        arguments.append(f"hydra.sweep.dir={sweeps / sweep}")
    train(program, arguments, progress)


def train(program: Path, arguments: Sequence[str], progress: Progress) -> None:
    """Runs `python train.py …`, which gets every signal once, and is waited for.

    Args:
        program: train.py.
        arguments: What a user would type.
        progress: Called with the command.

    Raises:
        UserError: If it fails.
        Interrupted: If it was interrupted.
    """
    _train(program, [arguments], progress)


def train_all(program: Path, commands: Sequence[Sequence[str]], progress: Progress) -> None:
    """Runs several `python train.py …`, as many at a time as there are cores, on one core each.

    Args:
        program: train.py.
        commands: The arguments of each.
        progress: Called with each command.

    Raises:
        UserError: If one fails, once those that run at the same time have ended.
        Interrupted: If one was interrupted.
    """
    one_thread = dict.fromkeys(THREADS_VARIABLES, "1")
    for start in range(0, len(commands), cpu_count()):
        _train(program, commands[start : start + cpu_count()], progress, one_thread)


def _train(
    program: Path, commands: Sequence[Sequence[str]], progress: Progress, environment: Mapping[str, str] | None = None
) -> None:
    with ExitStack() as running:
        processes = []
        for arguments in commands:
            progress(f"$ python train.py {shlex.join(arguments)}")
            process = subprocess.Popen(
                [sys.executable, str(program), *arguments],
                cwd=program.parent,
                env=os.environ | (environment or {}),
                start_new_session=True,
            )
            processes.append(running.enter_context(process))
        with passed_on(*processes):
            exit_codes = [process.wait() for process in processes]
    for exit_code in exit_codes:
        if exit_code in (EXIT_SIGNAL + signum for signum in SIGNALS):
            raise Interrupted(exit_code - EXIT_SIGNAL)
    for arguments, exit_code in zip(commands, exit_codes, strict=True):
        if exit_code:
            raise UserError(
                f"{arguments[0]} ended with exit code {exit_code}; mend what it says, and run make lecture again"
            )
