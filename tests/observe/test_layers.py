from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch.nn import functional

from cnnlab.observe import LayerStatistics
from cnnlab.training.build import build_classifier, build_data, build_trainer


class Recorder(DummyLogger):
    def __init__(self) -> None:
        super().__init__()
        self.scalars: dict[str, float] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **kwargs: Any) -> None:
        self.scalars |= metrics


def test_the_last_steps_gradients_updates_and_dead_units(compose_run, tmp_path: Path):
    model = ("data=mnist_5k", "model=mlp", "model.depth=1", "model.width=30", "optimizer=sgd", "trainer=cpu")
    length = ("trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.limit_val_batches=0")
    config = compose_run(*model, *length, "trainer.log_every_n_steps=1")
    classifier, data, recorder = build_classifier(config), build_data(config), Recorder()
    first, second = classifier.network.layers[1], classifier.network.layers[3]
    first.bias.data[:6] = -1e4  # six units that no image wakes
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

    hidden = data.part("train")[0][:500].flatten(1) @ first.weight.T + first.bias
    dead = (hidden.amax(0) <= 0).float().mean().item()
    assert scalars["dead/network.layers.2"] == pytest.approx(dead)
    assert dead >= 6 / 30
    assert scalars["flat/network.layers.2"] == pytest.approx((hidden <= 0).float().mean().item(), abs=1e-6)
    assert second.weight.shape == (10, 30)
    assert classifier.network.training
