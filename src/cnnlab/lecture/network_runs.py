"""The runs whose networks live on the page: the lecture's, and variants that differ from it in one thing."""

from pathlib import Path
from typing import NamedTuple

from cnnlab.errors import UserError
from cnnlab.lecture.make import Progress, train
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status


class NetworkRun(NamedTuple):
    """A run of which the page shows the network.

    Attributes:
        name: The variant's, whose words are in `page/network.yaml`.
        overrides: What is typed after `python train.py`.
    """

    name: str
    overrides: tuple[str, ...]


SHARED = ("experiment=lecture", "callbacks=snapshots", "console=lines")
SHORT = "trainer.max_epochs=10"
NETWORK_RUNS = (  # the first is shown epoch by epoch
    NetworkRun("lecture", ()),
    NetworkRun("sigmoid", ("activation=sigmoid", SHORT)),
    NetworkRun("random_normal", ("init=random_normal", SHORT)),
    NetworkRun("average_pooling", ("pool=avg", SHORT)),
    NetworkRun("mlp", ("model=mlp", "model.depth=1", "model.width=32", SHORT)),
)


def run_networks(program: Path, folder: Path, progress: Progress, overrides: tuple[str, ...] = ()) -> dict[str, Path]:
    """Trains the networks, each unless it is there: a completed run is kept, an interrupted one resumed.

    Args:
        program: train.py.
        folder: Of the runs; each has its variant's name there.
        progress: Called with each command.
        overrides: For all of them, such as a small data set in tests.

    Returns:
        The runs' folders by the variant's name, as `network_weights.pack` takes them.

    Raises:
        UserError: If a run fails, or has failed or diverged before.
        Interrupted: If a run was interrupted.
    """
    folders = {}
    for name, own in NETWORK_RUNS:
        folders[name] = folder / name
        run = RunFolder(folders[name])
        if run.status is Status.COMPLETED:
            continue
        if run.status is not None and run.status.can_resume:
            train(program, (f"resume={run.path}",), progress)
        elif run.has_result:
            raise UserError(f"{run.path} holds a run that has {run.status}; remove it, and run make lecture again")
        else:
            train(program, (*SHARED, *own, *overrides, f"hydra.run.dir={run.path}"), progress)
    return folders
