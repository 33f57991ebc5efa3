"""The callback that measures every layer of a run."""

import csv
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch.nn import functional

from cnnlab.data import ImageDataModule, evenly_spaced
from cnnlab.observe import Diagnostics
from cnnlab.observe.diagnostics import last_whole_step, read_diagnostics
from cnnlab.training.build import build_classifier, build_data, build_trainer

SHORT = ("data=mnist_5k", "model=mlp", "model.depth=1", "model.width=30", "trainer=cpu", "trainer.limit_val_batches=0",
         "trainer.log_every_n_steps=1")  # fmt: skip


class Recorder(DummyLogger):
    def __init__(self) -> None:
        super().__init__()
        self.scalars: dict[int | None, dict[str, float]] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None, **kwargs: Any) -> None:
        if any(name.startswith("gradient_norm/") for name in metrics):
            self.scalars[step] = metrics


def fit(config: Any, folder: Path, *callbacks: Any) -> tuple[Any, Any, Recorder]:
    classifier, data, recorder = build_classifier(config), build_data(config), Recorder()
    build_trainer(config, folder, list(callbacks), recorder).fit(classifier, datamodule=data)
    return classifier, data, recorder


@pytest.mark.filterwarnings("ignore:Found 1 module")
def test_the_initial_network_a_steps_update_and_the_network_after_it(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "optimizer=sgd", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    classifier = build_classifier(config)
    w1, b1, w2, b2 = (part.detach().clone().requires_grad_() for part in classifier.network.parameters())
    classifier, data, recorder = fit(config, tmp_path, Diagnostics())

    images, labels = next(iter(data.train_dataloader()))
    loss = functional.cross_entropy((images.flatten(1) @ w1.T + b1).relu() @ w2.T + b2, labels)
    gradients = torch.autograd.grad(loss, (w1, w2))
    assert list(recorder.scalars) == [0, 1]
    rate = config.optimizer.lr
    for name, weight, gradient in zip(("layers.1.weight", "layers.3.weight"), (w1, w2), gradients, strict=True):
        ratio = (rate * gradient.norm() / weight.norm()).item()
        assert recorder.scalars[1][f"update_ratio/{name}"] == pytest.approx(ratio, rel=1e-3)

    probed = [evenly_spaced(part, 500) for part in data.part("train")]
    hidden = probed[0].flatten(1) @ w1.T + b1
    assert recorder.scalars[0]["pre_std/layers.2"] == pytest.approx(hidden.std(correction=0).item(), rel=1e-4)
    loss = functional.cross_entropy(hidden.relu() @ w2.T + b2, probed[1])
    assert recorder.scalars[0]["loss/network"] == pytest.approx(loss.item(), rel=1e-4)
    assert not any(name.startswith("update_") for name in recorder.scalars[0])


def test_the_file_has_what_the_loggers_have_one_reading_a_row(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "trainer.max_epochs=1", "trainer.limit_train_batches=6")
    _, _, recorder = fit(config, tmp_path, Diagnostics(every_n_steps=3))
    with (tmp_path / "diagnostics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted({int(row["step"]) for row in rows}) == list(recorder.scalars) == [0, 3, 6]
    for row in rows:
        value = recorder.scalars[int(row["step"])].get(f"{row['quantity']}/{row['layer']}", math.nan)
        assert float(row["value"]) == pytest.approx(value, rel=1e-5, nan_ok=True)
    assert -1 <= recorder.scalars[3]["update_cosine/network"] <= 1


def test_without_a_picture_there_is_the_file_alone(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    fit(config, tmp_path, Diagnostics(picture=False))
    assert (tmp_path / "diagnostics.csv").exists()
    assert not (tmp_path / "pictures").exists()


def test_the_cosine_is_that_of_the_last_two_updates(compose_run, tmp_path: Path):
    config = compose_run(*SHORT, "optimizer=sgd", "trainer.max_epochs=1", "trainer.limit_train_batches=3")
    weights: list[torch.Tensor] = []

    class Keep(Diagnostics):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            weights.append(torch.cat([each.detach().flatten() for each in pl_module.parameters()]).clone())

    _, _, recorder = fit(config, tmp_path, Keep(every_n_steps=3))
    first, second = weights[1] - weights[0], weights[2] - weights[1]
    expected = functional.cosine_similarity(first, second, dim=0).item()
    assert recorder.scalars[3]["update_cosine/network"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("fast", [True, False])
def test_a_run_has_the_same_weights_with_and_without_it(compose_run, tmp_path: Path, fast: bool):
    config = compose_run(
        *("data=mnist_5k", "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=12"),
        *("trainer.limit_val_batches=0", "trainer.log_every_n_steps=1", f"trainer.fast={str(fast).lower()}"),
    )
    with_it, _, _ = fit(config, tmp_path / "with", Diagnostics(every_n_steps=5))
    without, _, _ = fit(config, tmp_path / "without")
    assert all(torch.equal(one, other) for one, other in zip(with_it.parameters(), without.parameters(), strict=True))


def test_a_resumed_file_has_each_step_once_and_no_line_that_was_cut_off(tmp_path: Path):
    path = tmp_path / "diagnostics.csv"
    path.write_text("step,epoch,layer,quantity,value\n0,0,network,loss,2.3\n3,0,network,loss,1.5\n6,0,netw")
    assert [row[0] for row in read_diagnostics(path)] == [0, 3]
    assert read_diagnostics(tmp_path / "none.csv") == []


def test_a_resume_continues_the_file_from_the_checkpoints_step(tmp_path: Path):
    head = "step,epoch,layer,quantity,value\n"
    kept = "0,0,layers.2,dead_fraction,0\n0,0,layers.1.weight,sign_agreement,nan\n3,0,network,loss,1.5\n"
    (tmp_path / "diagnostics.csv").write_text(f"{head}{kept}6,0,network,loss,1.2\n6,0,netw")
    trainer = SimpleNamespace(global_step=3, is_global_zero=True, default_root_dir=tmp_path)
    Diagnostics().on_train_start(trainer, Mock())  # type: ignore[arg-type]
    assert (tmp_path / "diagnostics.csv").read_text() == head + kept


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("accumulated", [1, 4])
def test_the_measured_step_has_whole_batches(compose_run, tmp_path: Path, accumulated: int, fast: bool):
    """Of 4,000 images, ten batches of 390 and one of 100."""
    config = compose_run(
        *("data=mnist_5k", "model=mlp", "activation=identity", "trainer=cpu", "data.batch_size=390"),
        *("trainer.max_epochs=2", "trainer.limit_val_batches=0", f"trainer.accumulate_grad_batches={accumulated}"),
        *(f"trainer.fast={str(fast).lower()}", "+trainer.enable_checkpointing=false", "trainer.log_every_n_steps=5"),
    )
    _, _, recorder = fit(config, tmp_path, Diagnostics())
    assert list(recorder.scalars) == [0, *([10, 21] if accumulated == 1 else [2, 5])]  # of 11 or 3 an epoch
    assert all("update_cosine/network" in each for step, each in recorder.scalars.items() if step)
    assert {each["saturated_fraction/layers.2"] for each in recorder.scalars.values()} == {0}


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
