"""The runs whose networks live on the page: one of the lecture's result, and variants that differ in one thing."""

from pathlib import Path
from typing import NamedTuple

from cnnlab.errors import UserError
from cnnlab.lecture.make import Progress, run_sweep, train
from cnnlab.lecture.study import Budget
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
SHARED = ("experiment=lecture", f"seed={SEED}", "trainer.max_epochs=10", "callbacks=snapshots", "console=lines")
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
    return {LECTURE: sweeps / SWEEP / f"seed={SEED}"} | {name: folder / name for name, _ in VARIANTS}


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
        UserError: If a run fails, or has failed or diverged before.
        Interrupted: If a run was interrupted.
    """
    folders = network_folders(sweeps, folder)
    if RunFolder(folders[LECTURE]).status is not Status.COMPLETED:
        run_sweep(SWEEP, Budget("network", (SEED,), overrides), program, sweeps, progress)  # all its default seeds
    for name, own in VARIANTS:
        run = RunFolder(folders[name])
        if run.status is Status.COMPLETED:
            continue
        if run.status is not None and run.status.can_resume:
            train(program, (f"resume={run.path}",), progress)
        elif run.has_result:
            raise UserError(f"{run.path} holds a run that has {run.status}; remove it, and run make lecture again")
        else:
            train(program, (*SHARED, *own, *overrides, f"hydra.run.dir={run.path}"), progress)
