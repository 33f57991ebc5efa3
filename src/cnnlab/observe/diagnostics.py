"""Gradients, updates, saturation and dead units of every layer, before the first step and now and then after it."""

import csv
import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim import Optimizer

from cnnlab.data import ImageDataModule, evenly_spaced
from cnnlab.files import make_folder, read_text, write_atomically
from cnnlab.observe.gradients import cosine, update_ratio
from cnnlab.observe.initial_report import initial_report, warnings_of
from cnnlab.observe.layer_figure import Row, draw_layers
from cnnlab.observe.pictures import save_picture
from cnnlab.observe.probe import WHOLE, Reading, probe

NUM_IMAGES = 500  # training images on which everything is measured
FILE = "diagnostics.csv"  # in the run's folder
COLUMNS = ("step", "epoch", "layer", "quantity", "value")

logger = logging.getLogger(__name__)


class Diagnostics(Callback):
    """Measures every layer on the same training images: what `probe` does, and how the last step changed the weights.

    `update_ratio` of each weight is that of a step of the training, and `update_cosine` the angle between that step's
    update and the one before it. The readings are in `diagnostics.csv`, one row each, and in the loggers, as
    `<quantity>/<layer>`; `pictures/layers.png` shows all layers over the steps. It only observes: the run's numbers are
    the same, bit for bit, with and without it.

    Args:
        every_n_steps: Measures after so many steps; 0 for once an epoch, after its last step of whole batches.
        picture: Whether to draw `pictures/layers.png`.

    Attributes:
        measures: Whether it needs this step, which then is eager with `trainer.cuda_graph=true`.
    """

    def __init__(self, every_n_steps: int = 0, picture: bool = True) -> None:
        self.every_n_steps = every_n_steps
        self.picture = picture
        self.measures = False
        self._is_due = False
        self._before: dict[str, torch.Tensor] = {}
        self._update: dict[str, torch.Tensor] = {}  # of the step before, if it is needed

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measures the initial network, and warns of an unhealthy start; a resumed run continues its file."""
        step = trainer.global_step
        kept = [row for row in read_diagnostics(self._path(trainer)) if row[0] <= step] if step > 0 else []
        if trainer.is_global_zero:
            make_folder(self._path(trainer).parent)
            write_atomically(self._path(trainer), f"{','.join(COLUMNS)}\n".encode() + _as_csv(kept))
        if step == 0:
            self._measure(trainer, pl_module, [])

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Decides whether to measure after this step; then the step before it is needed, too."""
        self._is_due = self._measures_after(trainer, batch_idx, trainer.global_step + 1)
        following = batch_idx + trainer.accumulate_grad_batches
        self.measures = self._is_due or self._measures_after(trainer, following, trainer.global_step + 2)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Keeps the weights of before the step."""
        if self.measures:
            self._before = {name: each.detach().clone() for name, each in pl_module.named_parameters()}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Measures the step's update, and the network after it."""
        if not self.measures or not self._before:
            return
        after = {name: each.detach() for name, each in pl_module.named_parameters() if name in self._before}
        update = {name: each - self._before[name] for name, each in after.items()}
        if self._is_due:
            readings = [
                Reading(_name(name), "update_ratio", update_ratio(self._before[name], each))
                for name, each in after.items()
                if each.ndim >= 2
            ]
            if self._update.keys() == update.keys():
                angle = cosine(list(self._update.values()), list(update.values()))
                readings.append(Reading(WHOLE, "update_cosine", angle))
            self._measure(trainer, pl_module, readings)
        self._before, self._update = {}, {} if self._is_due else update

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws all layers over the steps, if it should."""
        if self.picture and trainer.is_global_zero:
            save_picture(draw_layers([("", read_diagnostics(self._path(trainer)))]), "layers", trainer)

    def _measure(self, trainer: Trainer, pl_module: LightningModule, readings: list[Reading]) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ImageDataModule)
        images, labels = (evenly_spaced(part, NUM_IMAGES) for part in data.part("train"))
        network, loss = pl_module.network, pl_module.loss
        assert isinstance(network, nn.Module)
        images = images.to(next(network.parameters()).dtype)
        readings = [*readings, *probe(network, loss, images, labels)]  # type: ignore[arg-type]
        step, epoch = trainer.global_step, trainer.current_epoch
        if step == 0 and trainer.is_global_zero:
            for line in warnings_of(initial_report(network, loss, labels, readings)):  # type: ignore[arg-type]
                logger.warning("%s", line)
        if trainer.is_global_zero:
            with self._path(trainer).open("ab") as file:  # a line cut off by a kill is dropped by a resume
                file.write(_as_csv([(step, epoch, *each) for each in readings]))
        scalars = {f"{each.quantity}/{each.layer}": each.value for each in readings if math.isfinite(each.value)}
        for each in trainer.loggers:
            each.log_metrics(scalars, step=step)

    def _measures_after(self, trainer: Trainer, batch_idx: int, step: int) -> bool:
        """Whether it measures after the step that a batch completes.

        Args:
            trainer: The trainer.
            batch_idx: The batch, in its epoch.
            step: The step's number in the fit, from 1.
        """
        if self.every_n_steps:
            return step % self.every_n_steps == 0
        return batch_idx == last_whole_step(trainer)

    def _path(self, trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir) / FILE


def last_whole_step(trainer: Trainer) -> int:
    """The index of the batch whose step is the epoch's last with as many images as any: the last batch may be small.

    With accumulated gradients, a step has several batches. Without any whole step it is the last one.
    """
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, ImageDataModule)
    num_batches, accumulated = int(trainer.num_training_batches), trainer.accumulate_grad_batches
    num_images = math.ceil(data.sizes["train"] / trainer.world_size)  # of each process
    num_whole = min(num_batches, num_images // data.batch_size) // accumulated * accumulated
    return (num_whole or num_batches) - 1


def _name(parameter: str) -> str:
    """A parameter's name in the network."""
    return parameter.removeprefix("network.")


def _as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((*row[:4], f"{row[4]:.6g}") for row in rows)
    return text.getvalue().encode()


def read_diagnostics(path: Path) -> list[Row]:
    """The rows of a run's diagnostics.csv, up to the first that is damaged; none without such a file.

    Args:
        path: The file.
    """
    try:
        _head, *lines = csv.reader(io.StringIO(read_text(path)))
    except (OSError, ValueError):
        return []
    rows: list[Row] = []
    for line in lines:
        try:
            step, epoch, layer, quantity, value = line
            rows.append((int(step), int(epoch), layer, quantity, float(value)))
        except ValueError:
            break
    return rows
