"""conf/averaging: Lightning's callback in our run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback

from cnnlab.run.execution import run
from cnnlab.training.build import build_averaging, build_classifier, build_data, build_trainer
from tests.conftest import SMALL

SHORT = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=12", "model.dropout=0", "model.channel_dropout=0")


class Weights(Callback):
    """The weights after every step, and those that were evaluated."""

    def __init__(self) -> None:
        self.after_step: list[torch.Tensor] = []
        self.evaluated: list[torch.Tensor] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        self.after_step.append(flat(pl_module.network))

    def on_validation_batch_start(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        self.evaluated.append(flat(pl_module.network))


def flat(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_the_average_over_every_third_step_is_evaluated_and_kept(compose_run, tmp_path: Path):
    averaging = ("averaging=ema", "averaging.decay=0.8", "averaging.every_n_steps=3")
    config, weights = compose_run(*SHORT, *averaging, "callbacks=light"), Weights()
    classifier = build_classifier(config)
    callbacks = [*build_averaging(config), weights]
    build_trainer(config, tmp_path, callbacks, None).fit(classifier, datamodule=build_data(config))
    average = weights.after_step[0]
    for step in (3, 6, 9):
        average = 0.8 * average + 0.2 * weights.after_step[step]
    torch.testing.assert_close(weights.evaluated[0], average)
    torch.testing.assert_close(flat(classifier.network), average)


@pytest.mark.parametrize("select", ["last", "best"])
def test_a_run_tests_what_it_kept(compose_run, tmp_path: Path, select: str):
    averaging = ("averaging=ema", "averaging.decay=0.5", "averaging.every_n_steps=1")
    run(compose_run(*SHORT, *averaging, f"select={select}", "optimizer=adam", "optimizer.lr=0.01"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["choices"]["averaging"] == "ema"
    kept = torch.load(tmp_path / "run" / "checkpoints" / f"{select}.ckpt", weights_only=True)["state_dict"]
    config = compose_run(*SHORT)
    classifier, data = build_classifier(config), build_data(config)
    classifier.load_state_dict(kept)
    data.setup()
    images, labels = data.part("test")
    accuracy = (classifier.eval()(images).argmax(1) == labels).float().mean().item()
    assert abs(result["metrics"]["test/acc"] - accuracy) < 1e-6
