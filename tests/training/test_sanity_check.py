"""What a user's own network, loss, optimiser, schedule, init and augmentation must be, seen before the fit."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from torch import nn

from cnnlab.errors import UserError
from cnnlab.training.build import build_classifier, build_data
from tests.conftest import REPOSITORY, SMALL

HERE = "tests.training.test_sanity_check"


class Fits(nn.Module):
    num_logits = 10

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(784, self.num_logits)
        self.calls = 0

    def forward(self, images: torch.Tensor) -> Any:
        self.calls += 1
        return self.linear(images.flatten(1))


class HasFiveLogits(Fits):
    num_logits = 5


class ReturnsTuple(Fits):
    def forward(self, images: torch.Tensor) -> Any:
        return super().forward(images), None


class ReturnsTupleInTraining(Fits):
    def forward(self, images: torch.Tensor) -> Any:
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


class HasNothingToTrain(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :10]


class IsFrozen(Fits):
    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(False)


class IsLazy(Fits):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.LazyLinear(10)  # type: ignore[assignment]


class HasAFault(Fits):
    def forward(self, images: torch.Tensor) -> Any:
        raise KeyError("a fault in the user's code")


class IsNoNetwork: ...


class LossPerImage(nn.Module):
    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits, labels, reduction="none")


class FloatLoss(nn.Module):
    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> float:
        return 1.0


class IsNoOptimizer:
    def __init__(self, params: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None: ...


class FailsToStep(torch.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        raise RuntimeError("no dense gradients")


def no_schedule(optimizer: torch.optim.Optimizer, num_steps: int) -> int:
    return num_steps


def makes_a_module(network: nn.Module) -> nn.Module:
    return nn.ReLU()


class ShrinksImages:
    def __call__(self, images: torch.Tensor, background: float, generator: torch.Generator) -> torch.Tensor:
        return images[:, :, 1:]


Configure = Callable[..., DictConfig]


@pytest.fixture(scope="module")
def composed() -> Iterator[DictConfig]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(REPOSITORY / "conf"), version_base="1.3"):
        yield compose("train", ["model=softmax_regression", "optimizer=sgd", "data=mnist_5k"])


@pytest.fixture
def configure(composed: DictConfig) -> Configure:
    """A config whose parts are replaced."""

    def replaced(**parts: dict[str, Any] | None) -> DictConfig:
        config = composed.copy()
        OmegaConf.set_struct(config, False)
        for group, settings in parts.items():
            shared = {name: config.model[name] for name in ("compile", "num_members", "channels_last")}
            config[group] = {**(shared if group == "model" else {}), **(settings or {})}
        return config

    return replaced


def own(name: str, **values: Any) -> dict[str, Any]:
    return {"_target_": name if "." in name else f"{HERE}.{name}", **values}


def factory(name: str, **values: Any) -> dict[str, Any]:
    return {**own(name, **values), "_partial_": True}


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (own("HasFiveLogits"), "returns a tensor of the shape (2, 5) for 2 images; it must be a tensor of the shape ("),
        (own("ReturnsTuple"), "returns a tuple for images; it must be a tensor of the shape (images, classes), here ("),
        (own("ReturnsTupleInTraining"), "returns a tuple for images; it must be a tensor of the shape (images, classe"),
        (own("HasNothingToTrain"), "has no parameters, so there is nothing to train; choose another model"),
        (own("IsFrozen"), "has no parameter with requires_grad, so there is nothing to train; choose another model"),
        (own("IsLazy"), "has lazy layers, whose weights do not exist yet; give their sizes"),
        (own("IsNoNetwork"), "is not a network: it must be a torch.nn.Module"),
        (own("torch.nn.Linear", in_features=784, out_features=10), "cannot take images of data.image_shape=[1, 28, 28"),
        (own("torch.nn.Linear", in_features=28, out_features=10), "returns a tensor of the shape (2, 1, 28, 10) for 2"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_the_images_is_one_line(configure: Configure, model: dict[str, Any], line: str):
    with pytest.raises(UserError) as error:
        build_classifier(configure(model=model))
    assert str(error.value).startswith(f"model._target_={model['_target_']} {line}")


@pytest.mark.parametrize(
    ("group", "settings", "line"),
    [
        ("loss", own("LossPerImage"), "returns a tensor of the shape (2,); it must be a scalar tensor with a gradient"),
        ("loss", own("FloatLoss"), "returns a float; it must be a scalar tensor with a gradient, the mean over the im"),
        ("loss", own("IsNoNetwork"), "is not a loss: it must be a torch.nn.Module of logits and labels"),
        ("loss", own("torch.nn.L1Loss"), "cannot take logits (images, classes) and labels (images): The size of tenso"),
        ("optimizer", factory("IsNoOptimizer", lr=1, weight_decay=0), "makes an IsNoOptimizer, not an optimiser: it m"),
        ("optimizer", factory("FailsToStep", lr=1), "cannot make a step: no dense gradients"),
        ("optimizer", factory("torch.optim.SparseAdam", lr=1), "cannot make a step: SparseAdam does not support dense"),
        ("scheduler", factory("no_schedule"), "makes an int, not a schedule: it must return a torch.optim.lr_sche"),
        ("init", factory("makes_a_module"), "is not an initialisation, but makes a ReLU: it must be a function "),
    ],
)  # fmt: skip
def test_another_part_that_is_none_is_one_line(configure: Configure, group: str, settings: dict[str, Any], line: str):
    with pytest.raises(UserError) as error:
        build_classifier(configure(**{group: settings}))
    assert str(error.value).startswith(f"{group}._target_={settings['_target_']} {line}")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            own("ShrinksImages"),
            "must return as many images of the same shape, but returns a tensor of the shape (2, 1,",
        ),
        (
            own("torch.nn.ReLU"),
            "cannot take a batch of images: ReLU.forward() takes 2 positional arguments but 4 were ",
        ),
    ],
)
def test_an_augmentation_that_is_none_is_one_line(configure: Configure, settings: dict[str, Any], line: str):
    with pytest.raises(UserError) as error:
        build_data(configure(augmentation=settings))
    assert str(error.value).startswith(f"augmentation._target_={settings['_target_']} {line}")


def test_a_fault_in_the_users_code_keeps_its_traceback(configure: Configure):
    with pytest.raises(KeyError, match="a fault in the user's code"):
        build_classifier(configure(model=own("HasAFault")))


def test_the_check_changes_neither_the_network_nor_the_random_state(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
):
    config = configure(model=own("Fits"))
    checked = build_classifier(config)
    state = torch.get_rng_state()
    assert checked.network.calls == 0  # the checked network is a copy
    monkeypatch.setattr("cnnlab.training.build.check_step", lambda *_: None)
    unchecked = build_classifier(config)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(checked.parameters(), unchecked.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in checked.parameters())
    assert checked.network.training


@pytest.mark.filterwarnings("ignore:size_average and reduce args will be deprecated")
@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ("+loss.size_average=false", "is not the mean over the images: the same images twice give"),
        ("+loss.reduce=false", "returns a tensor of the shape (2,); it must be a scalar tensor with a gradient"),
        ("loss._target_=torch.nn.NLLLoss ~loss.label_smoothing", "takes log-probabilities, but a network gives logits"),
        ("loss._target_=torch.nn.MSELoss ~loss.label_smoothing", "cannot take logits (images, classes) and labels"),
        ("+pool.stride=1", "cannot take images of data.image_shape=[1, 28, 28]: mat1 and mat2 shapes cannot be mult"),
        ("+pool.return_indices=true", "cannot take images of data.image_shape=[1, 28, 28]: relu"),
        ("activation._target_=torch.nn.GLU", "cannot take images of data.image_shape=[1, 28, 28]: Halving dim"),
    ],
)
def test_an_option_of_ours_that_cannot_train_is_one_line(compose_run, overrides: str, line: str):
    with pytest.raises(UserError) as error:
        build_classifier(compose_run(*SMALL, *overrides.split()))
    assert line in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MultiMarginLoss"])
def test_every_mean_over_the_images_is_a_loss(configure: Configure, loss: str):
    build_classifier(configure(loss=own(f"torch.nn.{loss}")))


def test_weights_that_cannot_be_copied_are_not_checked(configure: Configure, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Fits, memo: Any) -> None:
        raise RuntimeError("Only Tensors created explicitly by the user support the deepcopy protocol")

    monkeypatch.setattr(Fits, "__deepcopy__", refuse, raising=False)
    build_classifier(configure(model=own("Fits")))
