"""What a finished run has learned, read back from its folder."""

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.nn import functional

from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.run.execution import weights_sha256
from cnnlab.run.result import read_result
from cnnlab.training.build import build_classifier, build_data
from cnnlab.training.checkpoint import load_checkpoint
from cnnlab.training.classifier import Classifier


def load_finished(folder: Path) -> tuple[Classifier, ImageDataModule]:
    """The tested network of a completed run, in evaluation mode on the CPU, and its data, set up.

    Args:
        folder: The run's.

    Raises:
        UserError: If no completed run is there, or another version's, or its weights are not those that were tested, or
            its data is not here.
    """
    result, record = read_result(folder), folder / ".hydra" / "config.yaml"
    if result is None or result["status"] != "completed" or not record.is_file():
        raise UserError(f"{folder}: no completed run there; it takes a run folder such as outputs/runs/<time>-<name>")
    config = OmegaConf.load(record)
    assert isinstance(config, DictConfig)
    weights = folder / "checkpoints" / ("best.ckpt" if config.select == "best" else "last.ckpt")
    if not weights.is_file():
        raise UserError(f"{weights} is missing; without it there are no weights to evaluate")
    try:
        classifier, data = build_classifier(config), build_data(config)
        classifier.load_state_dict(load_checkpoint(weights)["state_dict"])
    except (OmegaConfBaseException, RuntimeError, UserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder} is another version's ({reason}); evaluate it with the code that ran it") from None
    if weights_sha256(classifier.network) != result["weights_sha256"]:
        raise UserError(f"{weights} does not hold the weights that {folder / 'result.json'} tells of")
    tested, here = result["data"]["name"], data.effective.name
    if here != tested:
        raise UserError(
            f"{folder} was tested on {tested}, but now there is {here}; make the same data available (CNNLAB_DATA_DIR)"
        )
    data.setup()
    return classifier.eval(), data


@torch.inference_mode()
def probabilities(
    network: torch.nn.Module, images: torch.Tensor, shift_px: int = 0, background: float = 0.0, batch_size: int = 1000
) -> torch.Tensor:
    """Predicted probabilities (N, C) of images (N, *image_shape).

    With a shift, the mean over five views: the image, and the image moved by so many pixels up, down, left and right.

    Args:
        network: Images to logits, in evaluation mode.
        images: Normalised.
        shift_px: 0 for the image alone.
        background: The value of an empty pixel, which comes in from outside.
        batch_size: Images at a time.
    """
    return torch.cat([_mean_over_views(network, batch, shift_px, background) for batch in images.split(batch_size)])


def _mean_over_views(network: torch.nn.Module, images: torch.Tensor, shift_px: int, background: float) -> torch.Tensor:
    height, width = images.shape[2:]
    padded = functional.pad(images, [shift_px] * 4, value=background)
    corners = {(shift_px, shift_px), (0, shift_px), (2 * shift_px, shift_px), (shift_px, 0), (shift_px, 2 * shift_px)}
    views = [padded[:, :, top : top + height, left : left + width] for top, left in sorted(corners)]
    return torch.stack([network(view).softmax(dim=1) for view in views]).mean(dim=0)
