"""`make lecture`: runs what is missing, measures, judges, and writes the page."""

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.lecture.judge import judge
from cnnlab.lecture.store import load, save, sources_digest
from cnnlab.lecture.study import BUDGETS, Budget, Measured, Study, Workspace
from cnnlab.signals import EXIT_SIGNAL, SIGNALS, Interrupted, passed_on

Progress = Callable[[str], None]


def measure(
    studies: Sequence[Study], budget: Budget, program: Path, sweeps: Path, folder: Path, progress: Progress
) -> None:
    """Runs and measures studies, each unless its stored result is of this budget, or a larger one, and of this code.

    A sweep does only what is missing, so that what was interrupted continues with the same command.

    Args:
        studies: Which.
        budget: How much.
        program: train.py.
        sweeps: The folder of all sweeps.
        folder: The lecture's, for results.
        progress: Called with a line for each study.

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
        for sweep in study.sweeps:
            run_sweep(sweep, budget, program, sweeps, progress)
        progress(f"{study.name}: measuring")
        workspace = Workspace(study.budget(budget), sweeps)
        measured = study.measure(workspace)
        _check(study, measured)
        for run in sorted(workspace.diverged):
            progress(f"{study.name}: without the seed of {run}, which diverged")
        seconds = time.monotonic() - started
        save(folder, study, budget, measured, before_s + seconds, workspace.diverged)
        progress(f"{study.name}: done, {seconds:.0f} s")


def _suffices(stored: dict[str, Any], study: Study, budget: Budget) -> bool:
    """Whether a result is of this code and has all seeds of a budget."""
    before = BUDGETS.get(stored["budget"])
    if before is None or not _is_of_this_code(stored, study):
        return False
    return set(study.budget(before).seeds) >= set(study.budget(budget).seeds)


def _is_of_this_code(stored: dict[str, Any], study: Study) -> bool:
    return bool(stored["sources"] == sources_digest(study))


def _check(study: Study, measured: Measured) -> None:
    """Refuses effects that no page could judge, before they are stored."""
    try:
        judge(study.claims, measured.effects, study.claims)
    except ValueError as error:
        raise UserError(f"{study.name} cannot be judged: {error}") from None


def run_sweep(sweep: str, budget: Budget, program: Path, sweeps: Path, progress: Progress) -> None:
    """Runs a sweep as a user would type it.

    Args:
        sweep: An option of conf/sweep/, which is its folder's name, too.
        budget: Its overrides.
        program: train.py.
        sweeps: The folder of all sweeps.
        progress: Called with the command.

    Raises:
        UserError: If it fails.
        Interrupted: If it was interrupted.
    """
    arguments = [f"sweep={sweep}", *budget.overrides]
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
    progress(f"$ python train.py {shlex.join(arguments)}")
    command = [sys.executable, str(program), *arguments]
    with subprocess.Popen(command, cwd=program.parent, start_new_session=True) as process, passed_on(process):
        exit_code = process.wait()
    if exit_code in (EXIT_SIGNAL + signum for signum in SIGNALS):
        raise Interrupted(exit_code - EXIT_SIGNAL)
    if exit_code:
        raise UserError(
            f"{arguments[0]} ended with exit code {exit_code}; mend what it says, and run make lecture again"
        )
