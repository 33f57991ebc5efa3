"""The weights of the page's live network: of each variant its layers and, by epoch, all that it has learned."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml

from cnnlab.apply.load import load_finished
from cnnlab.apply.predict import probabilities
from cnnlab.data import ImageDataModule
from cnnlab.errors import UserError
from cnnlab.lecture.page.network_layers import describe
from cnnlab.lecture.texts import in_language
from cnnlab.observe.snapshots import FOLDER, read_snapshots
from cnnlab.report.messages import LANGUAGES
from cnnlab.report.run_curve import read_metrics
from cnnlab.run.folder import RunFolder

TEXTS = Path(__file__).with_name("network.yaml")
MAX_BYTES = 3_700_000  # of the first variant's weights on the page; 41 epochs of the lecture's network are 3.6 MB
MAX_BYTES_OF_OTHERS = 700_000
EPOCHS_OF_OTHERS = (0, 1)  # and the last
IMAGE_SHAPE = [1, 28, 28]  # what one can draw
Weights = Mapping[str, torch.Tensor]


def pack(runs: Mapping[str, Path]) -> dict[str, Any]:
    """What the page's scripts need for the live network, of json's types.

    Its form: `{"variants": [variant, …], "digits": [{"label", "pixels"}], "texts": {language: texts}}`. `variant` says
    what one is, and has `watched` (`test` or `val`) and `accuracies` by epoch besides; `pixels` are base64 of a byte
    each.

    Args:
        runs: Folders of completed runs by the variant's name, as in `network.yaml` or of one's own. All epochs that the
            first has saved are shown, and some of the others'; of a run without snapshots, or that tests an average
            of its weights, the tested ones alone.

    Raises:
        UserError: If a run is not completed, or the page cannot compute its network.
    """
    loaded = {name: load_finished(folder) for name, folder in runs.items()}
    networks = {name: (classifier.network, data) for name, (classifier, data) in loaded.items()}
    first = next(iter(runs))
    return {
        "variants": [
            variant(name, network, data, _snapshots(runs[name], network), runs[name], is_first=name == first)
            | _accuracies(runs[name])
            for name, (network, data) in networks.items()
        ],
        "digits": choose_digits(*networks[first]),
        "texts": live_texts(),
    }


def live_texts() -> dict[str, Any]:
    """The live network's words, by language."""
    texts = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))
    return {language: in_language(texts, language) for language in LANGUAGES}


def variant(
    name: str,
    network: torch.nn.Module,
    data: ImageDataModule,
    snapshots: Mapping[int, Weights],
    folder: Path,
    *,
    is_first: bool,
) -> dict[str, Any]:
    """A network and what it has learned: `{"name", "layers", "image_shape", "classes", "mean", "std", …}`.

    `layers` are those of `network_layers.describe`; `num_parameters` and `epochs` are numbers; `float24` is base64 of
    the epochs' weights one after the other, three bytes each.

    Args:
        name: The variant's.
        network: As it was tested.
        data: What it learned from.
        snapshots: Its weights by epoch.
        folder: The run's, for messages.
        is_first: Whether all epochs are wanted.

    Raises:
        UserError: If the page cannot compute the network, or not of so many weights.
    """
    used = data.effective
    if list(used.image_shape) != IMAGE_SHAPE:
        raise UserError(f"{folder}: the page draws images of {IMAGE_SHAPE}, and this network takes {used.image_shape}")
    layers, order = describe(network, str(folder))
    size = sum(network.state_dict()[key].numel() for key in order)
    epochs = choose_epochs(sorted(snapshots), size, is_first=is_first)
    if not epochs:
        raise UserError(f"{folder}: its {size:,} parameters are too many for a page; {MAX_BYTES // 4:,} are allowed")
    return {
        "name": name,
        "layers": layers,
        "image_shape": list(used.image_shape),
        "classes": list(used.classes),
        "mean": used.mean,
        "std": used.std,
        "num_parameters": size,
        "epochs": epochs,
        "float24": _packed([snapshots[epoch][key] for epoch in epochs for key in order], folder),
    }


def _packed(weights: Sequence[torch.Tensor], folder: Path) -> str:
    flat = torch.cat([each.flatten() for each in weights])
    if not flat.isfinite().all():
        raise UserError(f"{folder}: not all its weights are finite numbers; choose another run")
    return base64.b64encode(to_float24(flat.numpy())).decode()


def to_float24(numbers: npt.NDArray[np.float32]) -> bytes:
    """The upper three bytes of each number, the highest first; rounded to nearest, to even halfway.

    A number changes by 2⁻¹⁶ of itself at most.

    Args:
        numbers: (N,) finite, at most 3.4e38.
    """
    bits = numbers.view(np.uint32)
    rounded = bits + 0x7F + ((bits >> 8) & 1)
    return rounded.astype(">u4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def choose_epochs(saved: Sequence[int], num_parameters: int, *, is_first: bool) -> list[int]:
    """The epochs whose weights are on the page: those wanted, as far as there is room; the last one always.

    Args:
        saved: In order.
        num_parameters: Of one of them.
        is_first: Whether all are wanted.
    """
    room = (MAX_BYTES if is_first else MAX_BYTES_OF_OTHERS) // (4 * num_parameters)
    if room == 0:
        return [saved[-1]] if 4 * num_parameters <= MAX_BYTES else []
    wanted = list(saved) if is_first else [epoch for epoch in saved if epoch in (*EPOCHS_OF_OTHERS, saved[-1])]
    places = np.linspace(len(wanted) - 1, 0, min(room, len(wanted))).round()  # from the last on, if only one
    return [wanted[int(place)] for place in places[::-1]]


def choose_digits(network: torch.nn.Module, data: ImageDataModule) -> list[dict[str, Any]]:
    """Two test images of each class: the first, and the one whose class a network holds for least likely.

    Args:
        network: In evaluation mode.
        data: Set up.
    """
    images, labels = data.part("test")
    likelihoods = probabilities(network, images).gather(1, labels[:, None])[:, 0]
    chosen = []
    for label in range(data.effective.num_classes):
        places = (labels == label).nonzero().flatten()
        if len(places):
            chosen += [(label, places[0]), (label, places[likelihoods[places].argmin()])]
    return [{"label": label, "pixels": _pixels(images[place], data.effective)} for label, place in chosen]


def _pixels(image: torch.Tensor, data: ImageDataModule) -> str:
    pixels = ((image * data.std + data.mean) * 255).round().to(torch.uint8)
    return base64.b64encode(pixels.numpy().tobytes()).decode()


def _snapshots(folder: Path, network: torch.nn.Module) -> dict[int, Weights]:
    """The weights by epoch; the tested ones alone without snapshots, or of a run that trains others, as averages do."""
    run, tested = RunFolder(folder), network.state_dict()
    result = run.result()
    assert result is not None  # `load_finished` has seen it
    last = int(result["epochs"])
    saved = read_snapshots(folder) if (folder / FOLDER).is_dir() else {}
    is_tested = run.config().select == "best" or last not in saved or _are_equal(saved[last], tested)
    return dict(saved) if saved and is_tested else {last: tested}


def _are_equal(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def _accuracies(folder: Path) -> dict[str, Any]:
    """The accuracies by epoch and of which images, `test` or `val`; none of a run that averages its weights."""
    averages = bool(RunFolder(folder).config().get("averaging"))
    metrics = {} if averages else read_metrics(folder)
    for split in ("test", "val"):
        if (found := metrics.get(f"{split}/acc")) is not None:
            epochs = [str(int(epoch)) for epoch in metrics["epoch"]]
            return {"watched": split, "accuracies": dict(zip(epochs, found, strict=True))}
    return {"watched": None, "accuracies": {}}
