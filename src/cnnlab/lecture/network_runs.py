"""The runs of the page's live networks: one of the lecture's result, and shorter ones, each with one part replaced."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cnnlab.errors import UserError
from cnnlab.lecture.make import Progress, run_sweep, train_all
from cnnlab.lecture.study import BUDGETS
from cnnlab.observe.snapshots import FOLDER
from cnnlab.report.runs import read_runs
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status


class Variant(NamedTuple):
    """A run of which the page shows the network beside the lecture's.

    Attributes:
        name: The variant's, whose words are in `page/network.yaml`.
        overrides: What is typed after `python train.py`.
    """

    name: str
    overrides: tuple[str, ...]


SWEEP = "lecture_result"  # its runs save their weights after every epoch
SEED = 30  # of the run of it that is shown epoch by epoch, and of the variants
LECTURE = "lecture"
SHARED = ("experiment=lecture", f"seed={SEED}", "trainer.max_epochs=10", "callbacks=snapshots", "console=none")
VARIANTS = (
    Variant("sigmoid", ("activation=sigmoid",)),
    Variant("random_normal", ("init=random_normal",)),
    Variant("average_pooling", ("pool=avg",)),
    Variant("mlp", ("model=mlp", "model.depth=1", "model.width=32")),
)


def network_folders(sweeps: Path, folder: Path) -> dict[str, Path]:
    """The runs' folders by the network's name, as `network_weights.pack` takes them: the lecture's, then the variants'.

    Args:
        sweeps: The folder of all sweeps.
        folder: Of the variants' runs.
    """
    return {LECTURE: _lecture_run(sweeps / SWEEP)} | {name: folder / name for name, _ in VARIANTS}


def _lecture_run(sweep: Path) -> Path:
    """The run that the section measures: after a change of its config, the sweep has an older one, too."""
    try:
        runs = [run.path for run in read_runs(sweep)[0] if run.seed == SEED]
    except UserError:  # none yet
        runs = []
    return runs[0] if runs else sweep / f"seed={SEED}"


def run_networks(
    program: Path, sweeps: Path, folder: Path, progress: Progress, overrides: tuple[str, ...] = ()
) -> None:
    """Trains the networks, each unless it is there: a completed run is kept, an interrupted one resumed.

    Args:
        program: train.py.
        sweeps: The folder of all sweeps.
        folder: Of the variants' runs; each has its variant's name there.
        progress: Called with each command.
        overrides: For all of them, such as a small data set in tests.

    Raises:
        UserError: If a run fails, has failed or diverged before, or has no snapshots.
        Interrupted: If a run was interrupted.
    """
    if RunFolder(_lecture_run(sweeps / SWEEP)).status is not Status.COMPLETED:
        run_sweep(SWEEP, replace(BUDGETS["default"], overrides=overrides), program, sweeps, progress)
    _check_lecture(RunFolder(_lecture_run(sweeps / SWEEP)))
    commands: list[tuple[str, ...]] = []
    for name, own in VARIANTS:
        run = RunFolder(folder / name)
        if run.status is Status.COMPLETED:
            continue
        if run.status is not None and run.status.can_resume:
            commands.append((f"resume={run.path}",))
        elif run.has_result:
            raise UserError(f"{run.path} holds a run that has {run.status}; remove it, and run make lecture again")
        else:
            commands.append((*SHARED, *own, *overrides, f"hydra.run.dir={run.path}"))
    train_all(program, commands, progress)


def _check_lecture(run: RunFolder) -> None:
    if run.has_result and run.status is not Status.COMPLETED:
        raise UserError(f"{run.path} holds a run that has {run.status}; remove it, and run make lecture again")
    if run.has_result and not (run.path / FOLDER).is_dir():
        raise UserError(f"{run.path} holds a run without snapshots; remove it, and run make lecture again")
