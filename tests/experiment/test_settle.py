"""An experiment's values stay with the options that it chooses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from cnnlab.errors import UserError
from cnnlab.experiment.identity import flat
from cnnlab.experiment.settle import settle
from tests.experiment.configs import composed, hydra_loader, write


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoader]:
    with hydra_loader() as loader:
        yield loader


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configs")
    choose_adam = "defaults:\n- override /optimizer: adam\noptimizer: {weight_decay: 0.1}\n"
    write(folder, "experiment/adam", choose_adam)
    write(folder, "experiment/extended", "defaults:\n- accurate\n- override /optimizer: adadelta\n")
    write(folder, "experiment/first", "defaults:\n- _self_\n- accurate\noptimizer: {weight_decay: 0.3}\n")
    write(folder, "experiment/values", "optimizer: {momentum: 0.8}\ntrainer: {max_epochs: 7}\n")
    write(folder, "experiment/refers", "optimizer: {momentum: 0.8}\ntarget: ${optimizer.momentum}\n")
    loggers = "defaults:\n- override /logger: [none, tensorboard]\nlogger: {extra: 1}\n"
    write(folder, "experiment/loggers", loggers)
    write(folder, "recipes/mine", choose_adam)
    sweep = "hydra: {sweeper: {params: {optimizer: 'adam,momentum'}}}\noptimizer: {lr: 0.5}\n"
    write(folder, "sweep/swept", sweep)
    search = "defaults:\n- override /hydra/sweeper: optuna\nhydra: {sweeper: {n_trials: 3, params: {seed: '0,1'}}}\n"
    write(folder, "sweep/search", search)
    (folder / "rate").mkdir()
    (folder / "rate" / "large.yaml").write_text("# @package optimizer\nlr: 0.7\n")  # of one group: not a recipe
    return folder


def settled(loader: ConfigLoader, *overrides: str, folder: Path | None = None) -> tuple[DictConfig, list[str]]:
    config = composed(*overrides, folder=folder)
    return config, [str(dropped) for dropped in settle(config, loader)]


def part(config: DictConfig, key: str) -> Any:
    return OmegaConf.to_container(OmegaConf.select(config, key), resolve=False)


@pytest.mark.parametrize(
    ("typed", "group"),
    [
        (("experiment=accurate", "averaging=none"), "averaging"),
        (("experiment=accurate", "augmentation=none"), "augmentation"),
        (("experiment=accurate", "scheduler=constant"), "scheduler"),
        (("experiment=accurate", "optimizer=adadelta"), "optimizer"),
        (("experiment=speedrun", "optimizer=momentum"), "optimizer"),
        (("experiment=speedrun", "loss=mse"), "loss"),  # without an override of its own: for the default
        (("experiment=speedrun", "model=mlp"), "model"),
    ],
)
def test_another_option_has_its_own_values(loader: ConfigLoader, typed: tuple[str, str], group: str):
    config, dropped = settled(loader, *typed)
    assert part(config, group) == part(composed(typed[1]), group)
    assert dropped[0].startswith(f"{typed[0]}: {group}.")
    assert dropped[0].endswith(f"and not used with {typed[1]}")


def test_what_was_dropped_is_said(loader: ConfigLoader):
    _, dropped = settled(loader, "experiment=accurate", "optimizer=adadelta")
    assert dropped == [
        "experiment=accurate: optimizer.lr=0.01 is for optimizer=muon, and not used with optimizer=adadelta"
    ]


@pytest.mark.parametrize("typed", [(), ("optimizer=muon", "seed=3"), ("trainer=cpu",), ("console=lines",)])
def test_the_options_of_an_experiment_keep_its_values(loader: ConfigLoader, typed: tuple[str, ...]):
    before = composed("experiment=accurate", *typed)
    after, dropped = settled(loader, "experiment=accurate", *typed)
    assert dropped == []
    assert flat(after) == flat(before)
    assert (after.optimizer.lr, after.trainer.max_epochs) == (0.01, 12)


def test_what_any_option_is_used_with_stays(loader: ConfigLoader):
    config, _ = settled(loader, "experiment=best", "data=mnist_5k", "model=compact")
    assert (config.data.batch_size, config.data.num_val, config.data.num_train) == (512, 0, 4500)
    assert (config.model.num_members, "depth" in config.model) == (4, False)
    assert settled(loader, "data=mnist_5k")[0].data.num_val == 500


def test_typed_values_are_set_in_the_option_that_is_used(loader: ConfigLoader):
    typed = ("optimizer=momentum", "optimizer.momentum=0.7", "++optimizer.dampening=0.1", "~optimizer.fused")
    config, _ = settled(loader, "experiment=speedrun", *typed)
    assert part(config, "optimizer") == part(composed(*typed), "optimizer")


def test_a_typed_value_that_only_the_experiment_has_is_refused(loader: ConfigLoader):
    config = composed("experiment=speedrun", "optimizer=momentum", "optimizer.betas=[0.9,0.99]")
    with pytest.raises(UserError, match=r"momentum has no optimizer\.betas \(experiment=speedrun sets it for .*adamw"):
        settle(config, loader)


@pytest.mark.parametrize(
    ("typed", "lr", "weight_decay"),
    [
        (("experiment=extended",), 1.0, 0.0),
        (("experiment=extended", "optimizer=muon"), 0.01, 0.01),  # what it extends was made for muon
        (("experiment=extended", "optimizer=sgd"), 0.05, 0.0),
        (("experiment=first",), 0.01, 0.3),
        (("experiment=first", "optimizer=sgd"), 0.05, 0.0),
        (("experiment=[accurate,adam]",), 0.001, 0.1),
        (("experiment=[adam,accurate]",), 0.01, 0.01),
        (("experiment=accurate", "+recipes=mine"), 0.001, 0.1),
        (("experiment=accurate", "+recipes=mine", "optimizer=sgd"), 0.05, 0.0),
        (("experiment=accurate", "sweep=optimizers", "optimizer=sgd"), 0.05, 0.0),
        (("sweep=swept", "optimizer=adam"), 0.5, 0.0),  # the values beside what a file sweeps are for all of it
        (("sweep=swept", "optimizer=sgd"), 0.05, 0.0),
        (("experiment=accurate", "optimizer=sgd", "+rate=large"), 0.7, 0.0),
    ],
)
def test_of_several_recipes_each_is_for_its_own_option(
    loader: ConfigLoader, folder: Path, typed: tuple[str, ...], lr: float, weight_decay: float
):
    config, _ = settled(loader, *typed, folder=folder)
    assert (config.optimizer.lr, config.optimizer.weight_decay) == (lr, weight_decay)


def test_values_without_a_choice_are_for_the_default(loader: ConfigLoader, folder: Path):
    assert settled(loader, "experiment=values", folder=folder)[0].optimizer.momentum == 0.8
    config, _ = settled(loader, "experiment=values", "optimizer=nesterov", folder=folder)
    assert (config.optimizer.momentum, config.trainer.max_epochs) == (0.9, 7)


def test_a_reference_to_a_dropped_value_names_the_experiment(loader: ConfigLoader, folder: Path):
    assert settled(loader, "experiment=refers", folder=folder)[0].target == 0.8
    with pytest.raises(
        UserError, match=r"experiment=refers: target=.* does not exist with optimizer=adam; set target="
    ):
        settled(loader, "experiment=refers", "optimizer=adam", folder=folder)


def test_several_options_of_a_group_are_one_choice(loader: ConfigLoader, folder: Path):
    assert "extra" in settled(loader, "experiment=loggers", folder=folder)[0].logger
    assert "extra" in settled(loader, "experiment=loggers", "logger=[none,tensorboard]", folder=folder)[0].logger
    assert "extra" not in settled(loader, "experiment=loggers", "logger=[tensorboard,none]", folder=folder)[0].logger


def test_an_option_in_another_place_is_no_choice_of_the_group(loader: ConfigLoader):
    config, dropped = settled(loader, "experiment=accurate", "+optimizer@model.other=adam")
    assert (config.optimizer.lr, config.model.other.lr, dropped) == (0.01, 0.001, [])


def test_hydras_own_groups_too_but_what_is_swept_stays(loader: ConfigLoader, folder: Path):
    config, _ = settled(loader, "sweep=search", "hydra/sweeper=grid", folder=folder)
    assert part(config, "hydra.sweeper") == {**part(composed(), "hydra.sweeper"), "params": {"seed": "0,1"}}
    assert settled(loader, "sweep=search", folder=folder)[0].hydra.sweeper.n_trials == 3
