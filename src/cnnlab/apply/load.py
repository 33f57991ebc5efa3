"""Loads a finished run's network from its folder."""

from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.experiment.targets import check_targets
from cnnlab.run.flaws import find_flaw
from cnnlab.run.folder import RunFolder
from cnnlab.run.status import Status
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.checkpoint import CheckpointError, load_checkpoint, weights_sha256
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
    result = _completed(run)
    config = run.config()
    check_targets(config)
    try:
        weights = run.best_checkpoint if config.select == "best" else run.last_checkpoint
        checkpoint = load_checkpoint(weights)
    except CheckpointError as error:
        raise CheckpointError(error.path, error.reason, error.advice or "run the experiment again") from None
    except OmegaConfBaseException as error:
        raise _other_version(run, error) from None
    try:
        classifier, data = build_classifier(config), build_data(config)
        classifier.load_state_dict(checkpoint["state_dict"])
    except (OmegaConfBaseException, RuntimeError, KeyError, TypeError, UserError) as error:
        raise _other_version(run, error) from None
    if weights_sha256(classifier.network) != result.get("weights_sha256"):
        raise UserError(f"{weights} does not hold the tested weights of {run.result_json}; run the experiment again")
    tested, here = result["data"].get("name"), data.effective.name
    if here != tested:
        raise UserError(
            f"{folder} was tested on {tested}, but the data now available is {here}; make {tested} available "
            "(CNNLAB_DATA_DIR)"
        )
    data.setup()
    return classifier.eval(), data


def _completed(run: RunFolder) -> dict[str, Any]:
    """The result of a completed run."""
    status, result = run.status, run.result()
    if status is None:
        raise UserError(f"{run}: {run.absence}")
    if status is not Status.COMPLETED or result is None:
        raise UserError(f"{run}: no completed run there, it is {status.label}; give the folder of a completed run")
    flaw = find_flaw(result)
    if flaw is None and not ("name" in result["data"] and "weights_sha256" in result):
        flaw = "it lacks the data's name or weights_sha256"
    if flaw is not None:
        raise UserError(f"{run.result_json} is damaged: {flaw}; run the experiment again")
    return result


def _other_version(run: RunFolder, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(f"{run} is from another version ({reason}); use the version that trained it")
