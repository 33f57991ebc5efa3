"""The arguments that a config gives to a class, by its signature."""

import functools
from typing import Any

import pytest
from omegaconf import OmegaConf

from cnnlab.cli.config_tree import ConfigTree
from cnnlab.errors import UserError
from cnnlab.experiment.arguments import check_arguments, with_culprit
from tests.conftest import REPOSITORY

PARTIAL = "_partial_: true"
STOP = "_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/acc"
TWO = "takes a list of two numbers, such as"


def checked(key: str, text: str, num_given: int = 0) -> None:
    settings: Any = OmegaConf.to_container(OmegaConf.create(f"{{{text}}}"))
    check_arguments(settings, key, num_given)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0.9", "0.9"), ("[0.9]", "[0.9]"), ("[0.9, 0.99, 0.999]", "[0.9,0.99,0.999]"), ("[0.9, x]", "[0.9,x]"),
     ("[0.9, null]", "[0.9,null]"), ("[]", "[]"), ("null", "null"), ("x", "x"), ("[true, 0.9]", "[true,0.9]"),
     ("[.nan, 0.9]", "[nan,0.9]"), ("{a: 1}", "{'a': 1}"), ("[[0.9], 0.9]", "[[0.9],0.9]")],
)  # fmt: skip
def test_betas_of_every_wrong_shape_are_named(value: str, shown: str):
    for optimizer, default in (("torch.optim.Adam", "[0.9,0.999]"), ("pytorch_optimizer.Lion", "[0.9,0.99]")):
        with pytest.raises(UserError) as error:
            checked("optimizer", f"_target_: {optimizer}, {PARTIAL}, betas: {value}", num_given=1)
        assert str(error.value) == f"optimizer.betas={shown} is not allowed; {optimizer} {TWO} {default}"


@pytest.mark.parametrize(
    ("key", "text", "line"),
    [
        ("optimizer", "_target_: torch.optim.Adam, eps: x", "optimizer.eps=x is not allowed; torch.optim.Adam takes a"),
        ("optimizer", "_target_: torch.optim.Adam, amsgrad: 3", "optimizer.amsgrad=3 is not allowed; torch.optim.Adam"),
        ("optimizer", "_target_: torch.optim.Adam, foreach: [true]", "optimizer.foreach=[true] is not allowed; torch."),
        ("optimizer", "_target_: torch.optim.Adam, beta: 1", "optimizer.beta is not an argument of torch.optim.Adam; "),
        ("optimizer", "_target_: torch.optim.Adam, params: 1", "optimizer.params is not an argument of torch.optim.Ad"),
        ("optimizer", "_target_: pytorch_optimizer.Lion, x: 1", "optimizer.x is not an argument of pytorch_optimizer."),
        ("scheduler", "_target_: cnnlab.optim.scheduler.constant, warmup: 1", "scheduler.warmup is not an argument of"),
        ("scheduler", "_target_: cnnlab.optim.scheduler.step, milestones: 1", "scheduler.milestones=1 is not allowed;"),
    ],
)  # fmt: skip
def test_what_an_optimiser_or_schedule_does_not_take_is_named(key: str, text: str, line: str):
    with pytest.raises(UserError) as error:
        checked(key, f"{text}, {PARTIAL}", num_given=1 if key == "optimizer" else 2)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("key", "text", "line"),
    [
        ("activation", "_target_: torch.nn.PReLU, init: [1]", "activation.init=[1] is not allowed; torch.nn.PReLU tak"),
        ("activation", "_target_: torch.nn.ReLU, inplace: 1", "activation.inplace=1 is not allowed; torch.nn.ReLU tak"),
        ("pool", "_target_: torch.nn.MaxPool2d, kernel_size: x", "pool.kernel_size=x is not allowed; torch.nn.MaxPool"),
        ("pool", "_target_: torch.nn.AvgPool2d", "pool.kernel_size is missing: torch.nn.AvgPool2d needs it; add +pool"),
        ("loss", "_target_: torch.nn.CrossEntropyLoss, weight: [1]", "loss.weight=[1] is not allowed; torch.nn.CrossE"),
        ("model", "_target_: cnnlab.nn.MLP, activation: {_target_: torch.nn.ReLU}, image_shape: [1], num_classes: 2, "
         "width: [1]", "model.width=[1] is not allowed; cnnlab.nn.MLP takes an integer, such as 100"),
        ("model", "_target_: torch.nn.Linear, in_features: 784", "model.out_features is missing: torch.nn.Linear need"),
        ("model", "_target_: torch.nn.Sequential, _args_: [{_target_: torch.nn.Linear, in_features: x}]",
         "model._args_.0.in_features=x is not allowed; torch.nn.Linear takes an integer"),
        ("init", "_target_: cnnlab.nn.init.fill_layers, _partial_: true, "
         "weight_: {_target_: torch.nn.init.kaiming_normal_, _partial_: true, mode: fan}",
         "init.weight_.mode=fan is not allowed; torch.nn.init.kaiming_normal_ takes fan_in or fan_out, such as fan_in"),
        ("augmentation", "_target_: cnnlab.data.RandomAffine, degrees: [1, 2]", "augmentation.degrees=[1,2] is not al"),
        ("averaging", "_target_: cnnlab.optim.ExponentialMovingAverage, every_n_steps: 1.5", "averaging.every_n_steps"),
        ("callbacks.stop", f"{STOP}, patience: x", "callbacks.stop.patience=x is not allowed; lightning.pytorch.callb"),
        ("callbacks.stop", f"{STOP}, patienc: 3", "callbacks.stop.patienc is not an argument of lightning.pytorch.cal"),
    ],
)  # fmt: skip
def test_what_another_part_does_not_take_is_named(key: str, text: str, line: str):
    with pytest.raises(UserError) as error:
        checked(key, text)
    assert str(error.value).startswith(line)


@pytest.mark.parametrize("group", ["activation", "augmentation", "averaging", "init", "loss", "optimizer", "pool"])
def test_every_wrong_type_of_every_value_in_conf_is_named(group: str):
    """Each value of each option in turn becomes a text, a list, a mapping and a number in a list."""
    tree = ConfigTree([REPOSITORY / "conf"])
    num_given = {"optimizer": 1, "init": 1}.get(group, 0)
    for option in tree.groups[group]:
        settings = tree.option(group, option)
        check_arguments(settings, group, num_given)
        for name in settings:
            for wrong in ("text", ["text"], {"a": 1}, [[1]], 1j):
                if not name.startswith("_"):
                    with pytest.raises(UserError, match=rf"^{group}\.{name}=.* is not allowed; "):
                        check_arguments({**settings, name: wrong}, group, num_given)


@pytest.mark.parametrize(
    "text",
    [
        "_target_: torch.nn.MaxPool2d, kernel_size: [2, 2], stride: null",
        "_target_: lightning.pytorch.callbacks.Timer, duration: {days: 1}",
        "_target_: lightning.pytorch.callbacks.LambdaCallback, on_fit_start: {_target_: builtins.len, _partial_: true}",
        "_target_: lightning.pytorch.callbacks.GradientAccumulationScheduler, scheduling: {4: 2}",
        "_target_: torch.optim.Adafactor, _partial_: true, eps: [null, 0.001]",
        "_target_: torch.nn.Sequential, _args_: [{_target_: torch.nn.Flatten}]",
        "_target_: tests.experiment.test_arguments.Mine, width: wide, anything: 1",
    ],
)
def test_what_a_class_takes_passes(text: str):
    checked("x", text, num_given=1 if "_partial_: true" in text and "optim" in text else 0)


class Mine:
    """Of a user, whose annotations are not relied on."""

    def __init__(self, width: int, **others: int) -> None: ...


def test_the_value_without_which_there_is_no_error_is_named():
    def build(settings: dict[str, Any]) -> None:
        if settings.get("bad", 0) > 0:
            raise ValueError("Invalid thing: 1.")

    error = ValueError("Invalid thing: 1.")
    culprit = functools.partial(with_culprit, error, "optimizer", attempt=build)
    assert culprit(settings={"bad": 1, "good": 2}) == (
        "optimizer.bad=1 is not allowed: Invalid thing: 1; correct it, or remove it"
    )
    assert with_culprit(error, "optimizer", {"good": 2}, lambda _: build({"bad": 1})) == "optimizer: Invalid thing: 1"
