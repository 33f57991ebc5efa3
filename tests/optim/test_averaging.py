"""conf/averaging: Lightning's callback in our run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from torch.optim.swa_utils import update_bn

from cnnlab.optim.averaging import _ema
from cnnlab.run.execution import run
from cnnlab.training.build import build_averaging, build_classifier, build_data, build_trainer
from cnnlab.training.checkpoint import weights_sha256
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


def decay(limit: float, num_updates: int) -> float:
    return min(limit, (1 + num_updates) / (10 + num_updates))


def test_the_average_over_every_third_step_is_evaluated_and_kept(compose_run, tmp_path: Path):
    averaging = ("averaging=ema", "averaging.decay=0.25", "averaging.every_n_steps=3")
    config, weights = compose_run(*SHORT, *averaging, "callbacks=light"), Weights()
    classifier = build_classifier(config)
    callbacks = [*build_averaging(config), weights]
    build_trainer(config, tmp_path, callbacks, None).fit(classifier, datamodule=build_data(config))
    average = weights.after_step[2]
    for step, share in ((5, 2 / 11), (8, 3 / 12), (11, 0.25)):  # (1 + n) / (10 + n), then the limit
        average = share * average + (1 - share) * weights.after_step[step]
    torch.testing.assert_close(weights.evaluated[0], average)
    torch.testing.assert_close(flat(classifier.network), average)


def test_the_first_weights_are_forgotten():
    """With a constant decay of 0.99 they would be three quarters of the average after 30 updates."""
    average = [torch.ones(1)]
    for num_updates in range(1, 30):
        _ema(0.99)(average, [torch.zeros(1)], torch.tensor(num_updates))
    assert average[0].item() < 1e-6


def test_the_decay_grows_up_to_its_limit():
    for num_updates in (1, 5, 79, 80, 81, 1000):
        average = [torch.ones(1, dtype=torch.float64)]
        _ema(0.9)(average, [torch.zeros(1, dtype=torch.float64)], torch.tensor(num_updates))
        assert average[0].item() == pytest.approx(decay(0.9, num_updates))
    assert decay(0.9, 79) < decay(0.9, 80) == 0.9


TINY = (*SMALL, "model=cnn", "model.depth=2", "model.width=2", "callbacks=light",
        "trainer.max_epochs=2", "trainer.limit_train_batches=6")  # fmt: skip
BATCH_NORM = (*TINY, "averaging=ema", "averaging.every_n_steps=4", "optimizer=adam")
SCHEDULE_FREE = (*TINY, "optimizer=schedule_free")
ALONE = "+trainer.enable_checkpointing=false"


class Evaluated(Callback):
    """The weights and statistics that were evaluated."""

    def __init__(self) -> None:
        self.states: list[dict[str, torch.Tensor]] = []

    def on_validation_batch_start(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        self.states.append({name: tensor.clone() for name, tensor in pl_module.state_dict().items()})


def own_statistics(config: Any, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state with statistics that are recomputed independently."""
    classifier, data = build_classifier(config), build_data(config)
    data.setup()
    classifier.to(next(iter(state.values())).dtype).load_state_dict(state)
    images = data.part("train")[0].to(classifier.dtype)
    update_bn([images[first::50] for first in range(50)], classifier.network)
    return classifier.state_dict()


def assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize("fast", [True, False])
def test_evaluated_saved_and_kept_are_the_average_with_its_own_statistics(compose_run, tmp_path: Path, fast: bool):
    config = compose_run(*BATCH_NORM, ALONE, f"trainer.fast={str(fast).lower()}")
    classifier, evaluated = build_classifier(config), Evaluated()
    trainer = build_trainer(config, tmp_path, [*build_averaging(config), evaluated], None)
    trainer.fit(classifier, datamodule=build_data(config))
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)
    assert_equal(evaluated.states[-1], saved["state_dict"])
    assert_equal(evaluated.states[-1], dict(classifier.state_dict()))
    assert_equal(evaluated.states[-1], own_statistics(config, evaluated.states[-1]))


@pytest.mark.parametrize("fast", [True, False])
def test_before_the_first_update_it_is_as_without_averaging(compose_run, tmp_path: Path, fast: bool):
    ended = []
    for choice in (("averaging=ema", "averaging.every_n_steps=13"), ("averaging=none",)):
        config = compose_run(*TINY, *choice, ALONE, f"trainer.fast={str(fast).lower()}")
        classifier, evaluated = build_classifier(config), Evaluated()
        trainer = build_trainer(config, tmp_path, [*build_averaging(config), evaluated], None)
        trainer.fit(classifier, datamodule=build_data(config))
        trainer.save_checkpoint(tmp_path / "end.ckpt")
        ended.append((*evaluated.states, torch.load(tmp_path / "end.ckpt", weights_only=True)["state_dict"]))
    for with_average, without in zip(*ended, strict=True):
        assert_equal(with_average, without)


@pytest.mark.parametrize("num_val", [0, 500])
def test_a_finished_runs_checkpoint_holds_the_tested_weights_and_statistics(compose_run, tmp_path: Path, num_val: int):
    run(compose_run(*BATCH_NORM, f"data.num_val={num_val}"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    kept = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    config = compose_run(*BATCH_NORM, f"data.num_val={num_val}")
    classifier = build_classifier(config)
    classifier.load_state_dict(kept)
    assert weights_sha256(classifier.network) == result["weights_sha256"]
    assert_equal(kept, own_statistics(config, kept))


class SaveAt(Callback):
    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


@pytest.mark.parametrize("overrides", [BATCH_NORM, SCHEDULE_FREE], ids=["ema", "schedule_free"])
@pytest.mark.parametrize("how", ["trainer.fast=true", "trainer.fast=false", "trainer.precision=64-true"])
def test_a_resumed_fit_ends_in_the_same_weights_and_statistics(
    compose_run, tmp_path: Path, overrides: tuple[str, ...], how: str
):
    config = compose_run(*overrides, ALONE, how)
    ended = []
    for checkpoint in (None, tmp_path / "middle.ckpt"):
        classifier = build_classifier(config)
        callbacks = [*build_averaging(config), SaveAt(9, tmp_path / "middle.ckpt")]
        trainer = build_trainer(config, tmp_path, callbacks, None)
        trainer.fit(classifier, datamodule=build_data(config), ckpt_path=checkpoint, weights_only=True)
        assert trainer.global_step == 12
        ended.append({name: tensor.clone() for name, tensor in classifier.state_dict().items()})
    assert_equal(*ended)
    assert_equal(ended[0], own_statistics(config, ended[0]))


class StopAt(Callback):
    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        trainer.should_stop = trainer.global_step == 2


@pytest.mark.parametrize("callbacks", [[], [StopAt()]], ids=["whole", "stopped"])
def test_a_schedule_free_optimisers_average_has_its_own_statistics(compose_run, tmp_path: Path, callbacks: list[Any]):
    config = compose_run(*SCHEDULE_FREE, ALONE)
    classifier, evaluated = build_classifier(config), Evaluated()
    trainer = build_trainer(config, tmp_path, [*callbacks, evaluated], None)
    trainer.fit(classifier, datamodule=build_data(config))
    assert_equal(evaluated.states[-1], dict(classifier.state_dict()))
    assert_equal(evaluated.states[-1], own_statistics(config, evaluated.states[-1]))
    assert not trainer.optimizers[0].param_groups[0]["train_mode"]


@pytest.mark.parametrize("select", ["last", "best"])
@pytest.mark.parametrize("short", [SHORT, TINY], ids=["lecture", "cnn"])
def test_a_run_tests_what_it_kept(compose_run, tmp_path: Path, short: tuple[str, ...], select: str):
    averaging = ("averaging=ema", "averaging.decay=0.5", "averaging.every_n_steps=1")
    run(compose_run(*short, *averaging, f"select={select}", "optimizer=adam", "optimizer.lr=0.01"))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["choices"]["averaging"] == "ema"
    kept = torch.load(tmp_path / "run" / "checkpoints" / f"{select}.ckpt", weights_only=True)["state_dict"]
    config = compose_run(*short)
    classifier, data = build_classifier(config), build_data(config)
    classifier.load_state_dict(kept)
    data.setup()
    images, labels = data.part("test")
    accuracy = (classifier.eval()(images).argmax(1) == labels).float().mean().item()
    assert abs(result["metrics"]["test/acc"] - accuracy) < 1e-6
