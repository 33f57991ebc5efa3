"""Loads a finished run's network from its folder."""

from pathlib import Path

from omegaconf.errors import OmegaConfBaseException

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.experiment.targets import check_targets
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.checkpoint import load_checkpoint, weights_sha256
from cnnlab.training.classifier import Classifier


def load_finished(folder: Path) -> tuple[Classifier, ImageDataModule]:
    """Loads the tested network of a completed run, in evaluation mode on the CPU, and its data.

    Args:
        folder: The run folder.

    Raises:
        UserError: If there is no completed run, it is from another version, its weights are not the tested ones, or its
            data is unavailable.
    """
    run = RunFolder(folder)
    result = run.result()
    if result is None or result["status"] != Status.COMPLETED or not run.has_started:
        raise UserError(f"{folder}: no completed run there; give a run folder, such as outputs/runs/<time>-<name>")
    config = run.config()
    check_targets(config)
    weights = run.best_checkpoint if config.select == "best" else run.last_checkpoint
    if not weights.is_file():
        raise UserError(f"{weights} is missing, so there are no weights to evaluate; run the experiment again")
    checkpoint = load_checkpoint(weights)
    try:
        classifier, data = build_classifier(config), build_data(config)
        classifier.load_state_dict(checkpoint["state_dict"])
    except (OmegaConfBaseException, RuntimeError, UserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder} is from another version ({reason}); use the version that trained it") from None
    if weights_sha256(classifier.network) != result["weights_sha256"]:
        raise UserError(f"{weights} does not hold the tested weights of {run.result_json}; run the experiment again")
    tested, here = result["data"]["name"], data.effective.name
    if here != tested:
        raise UserError(
            f"{folder} was tested on {tested}, but the data now available is {here}; make {tested} available "
            "(CNNLAB_DATA_DIR)"
        )
    data.setup()
    return classifier.eval(), data
