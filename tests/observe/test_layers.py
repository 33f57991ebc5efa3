from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch.nn import functional

from cnnlab.data import ImageDataModule, evenly_spaced
from cnnlab.observe import LayerStatistics
from cnnlab.observe.layers import last_whole_step
from cnnlab.training.build import build_classifier, build_data, build_trainer


class Recorder(DummyLogger):
    def __init__(self) -> None:
        super().__init__()
        self.scalars: dict[str, float] = {}
        self.steps: list[int | None] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **kwargs: Any) -> None:
        self.scalars |= metrics
        if "gradient_norm/network.layers.1.weight" in metrics:
            self.steps.append(step)


@pytest.mark.filterwarnings("ignore:Found 1 module")
def test_the_last_steps_gradients_updates_and_dead_units(compose_run, tmp_path: Path):
    model = ("data=mnist_5k", "model=mlp", "model.depth=1", "model.width=30", "optimizer=sgd", "trainer=cpu")
    length = ("trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_val_batches=0")
    config = compose_run(*model, *length, "trainer.log_every_n_steps=1")
    classifier, data, recorder = build_classifier(config), build_data(config), Recorder()
    first, second = classifier.network.layers[1], classifier.network.layers[3]
    first.bias.data[:6] = -1e4  # six units that no image wakes
    frozen = classifier.network.layers[2].eval()  # by a callback of the user's
    w1, b1, w2, b2 = (part.detach().clone().requires_grad_() for part in classifier.network.parameters())
    build_trainer(config, tmp_path, [LayerStatistics()], recorder).fit(classifier, datamodule=data)

    images, labels = next(iter(data.train_dataloader()))
    loss = functional.cross_entropy((images.flatten(1) @ w1.T + b1).relu() @ w2.T + b2, labels)
    g1, g2 = torch.autograd.grad(loss, (w1, w2))
    scalars = recorder.scalars
    assert scalars["gradient_norm/network.layers.1.weight"] == pytest.approx(g1.norm().item(), rel=1e-4)
    assert scalars["gradient_norm/network.layers.3.weight"] == pytest.approx(g2.norm().item(), rel=1e-4)
    ratio = (0.05 * g1.norm() / w1.norm()).item()
    assert scalars["update_ratio/network.layers.1.weight"] == pytest.approx(ratio, rel=1e-3)

    hidden = evenly_spaced(data.part("train")[0], 500).flatten(1) @ first.weight.T + first.bias
    dead = (hidden.amax(0) <= 0).float().mean().item()
    assert scalars["dead/network.layers.2"] == pytest.approx(dead)
    assert dead >= 6 / 30
    assert scalars["flat/network.layers.2"] == pytest.approx((hidden <= 0).float().mean().item(), abs=1e-6)
    assert second.weight.shape == (10, 30)
    assert classifier.network.training
    assert not frozen.training


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("accumulated", [1, 4])
def test_the_measured_step_has_whole_batches(compose_run, tmp_path: Path, accumulated: int, fast: bool):
    """Of 4,000 images, ten batches of 390 and one of 100."""
    config = compose_run(
        *("data=mnist_5k", "model=mlp", "activation=identity", "trainer=cpu", "data.batch_size=390"),
        *("trainer.max_epochs=2", "trainer.limit_val_batches=0", f"trainer.accumulate_grad_batches={accumulated}"),
        *(f"trainer.fast={str(fast).lower()}", "+trainer.enable_checkpointing=false", "trainer.log_every_n_steps=5"),
    )
    recorder = Recorder()
    trainer = build_trainer(config, tmp_path, [LayerStatistics()], recorder)
    trainer.fit(build_classifier(config), datamodule=build_data(config))
    assert recorder.steps == ([9, 20] if accumulated == 1 else [1, 4])  # of 11 or 3 an epoch
    assert recorder.scalars["flat/network.layers.2"] == recorder.scalars["dead/network.layers.2"] == 0


@pytest.mark.parametrize(
    ("num_images", "num_batches", "accumulated", "world_size", "expected"),
    [
        (640, 10, 1, 1, 9),
        (650, 11, 1, 1, 9),  # the last batch is small
        (650, 5, 1, 1, 4),  # limit_train_batches
        (650, 11, 4, 1, 7),
        (40, 1, 1, 1, 0),  # no whole batch
        (130, 3, 4, 1, 2),  # no whole step
        (1281, 11, 1, 2, 9),  # 641 images for each of two processes
    ],
)
def test_the_last_whole_step(num_images: int, num_batches: int, accumulated: int, world_size: int, expected: int):
    data = Mock(spec=ImageDataModule, sizes={"train": num_images}, batch_size=64)
    trainer = SimpleNamespace(
        datamodule=data,
        num_training_batches=num_batches,
        accumulate_grad_batches=accumulated,
        world_size=world_size,
    )
    assert last_whole_step(trainer) == expected  # type: ignore[arg-type]
