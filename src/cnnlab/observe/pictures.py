"""The pictures at the end of a run: confusion matrix, worst mistakes, first-layer weights."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

from cnnlab.data.module import ImageDataModule
from cnnlab.files import make_folder, write_atomically
from cnnlab.observe.figures import draw_confusion, draw_filters, draw_mistakes
from cnnlab.observe.predictions import confusion_matrix, most_confident_mistakes, of_all_processes


@runtime_checkable
class TakesPictures(Protocol):
    """A logger that takes pictures."""

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Logs a picture, as the content of a PNG file."""


class Pictures(Callback):
    """Draws the test set's confusion matrix, the most confident mistakes and the first layer's weights.

    They go to `pictures/` in the run folder and to the loggers that take pictures.

    Args:
        num_mistakes: How many mistakes to show at most.
    """

    def __init__(self, num_mistakes: int = 25) -> None:
        self.num_mistakes = num_mistakes
        self._logits: list[torch.Tensor] = []

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Clears the logits of an earlier test."""
        self._logits = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stores the batch's logits."""
        self._logits.append(outputs.detach().float())

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws and saves the pictures."""
        logits = of_all_processes(torch.cat(self._logits).cpu(), trainer)
        if not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        images, labels = (part.cpu()[: len(logits)] for part in data.part("test"))
        classes = data.effective.classes
        mistakes = most_confident_mistakes(logits, labels, self.num_mistakes)
        figures = {
            "confusion_matrix": draw_confusion(confusion_matrix(logits, labels), classes),
            "mistakes": draw_mistakes(images, labels, mistakes, classes),
            "first_layer": draw_filters(first_layer_weights(pl_module, data.effective.image_shape)),
        }
        for name, figure in figures.items():
            save_picture(figure, name, trainer)


def first_layer_weights(network: nn.Module, image_shape: Sequence[int]) -> torch.Tensor:
    """The weights of the first layer as pictures: filters, or a linear layer's rows as images.

    With several channels, the mean over channels.

    Args:
        network: Whose first convolution or linear layer sees the images.
        image_shape: Channels, height and width of an image.

    Returns:
        (out, h, w), the first hundred at most, on the CPU.
    """
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    weight = first.weight.detach().float().cpu()
    pictures = weight if isinstance(first, nn.Conv2d) else weight.reshape(len(weight), *image_shape)
    return pictures[:100].mean(dim=1)


def save_picture(figure: Figure, name: str, trainer: Trainer) -> None:
    """Saves a figure in `pictures/` of the run folder, and gives it to the loggers that take pictures.

    Args:
        figure: To draw.
        name: Of the file, without `.png`.
        trainer: Whose run it is.
    """
    folder = Path(trainer.default_root_dir, "pictures")
    make_folder(folder)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    content = io.BytesIO()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(pixels).save(content, "PNG", compress_level=3)  # two thirds of the time for 3 % more bytes
    png = content.getvalue()
    write_atomically(folder / f"{name}.png", png)
    for logger in trainer.loggers:
        if isinstance(logger, TakesPictures):
            logger.log_picture(name, png, trainer.global_step)
