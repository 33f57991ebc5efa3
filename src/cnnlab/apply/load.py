"""A finished run's network, read back from its folder."""

from pathlib import Path

from omegaconf.errors import OmegaConfBaseException

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.checkpoint import load_checkpoint, weights_sha256
from cnnlab.training.classifier import Classifier


def load_finished(folder: Path) -> tuple[Classifier, ImageDataModule]:
    """The tested network of a completed run, in evaluation mode on the CPU, and its data, set up.

    Args:
        folder: The run's.

    Raises:
        UserError: If no completed run is there, or another version's, or its weights are not those that were tested, or
            its data is not here.
    """
    run = RunFolder(folder)
    result = run.result()
    if result is None or result["status"] != Status.COMPLETED or not run.has_begun:
        raise UserError(f"{folder}: no completed run there; it takes a run folder such as outputs/runs/<time>-<name>")
    config = run.config()
    weights = run.best_checkpoint if config.select == "best" else run.last_checkpoint
    if not weights.is_file():
        raise UserError(f"{weights} is missing; without it there are no weights to evaluate")
    checkpoint = load_checkpoint(weights)
    try:
        classifier, data = build_classifier(config), build_data(config)
        classifier.load_state_dict(checkpoint["state_dict"])
    except (OmegaConfBaseException, RuntimeError, UserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder} is another version's ({reason}); evaluate it with the code that ran it") from None
    if weights_sha256(classifier.network) != result["weights_sha256"]:
        raise UserError(f"{weights} does not hold the weights that {run.result_json} tells of")
    tested, here = result["data"]["name"], data.effective.name
    if here != tested:
        raise UserError(
            f"{folder} was tested on {tested}, but now there is {here}; make the same data available (CNNLAB_DATA_DIR)"
        )
    data.setup()
    return classifier.eval(), data
