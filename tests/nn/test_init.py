"""Every option of conf/init, by the weights that it draws."""

import math
from collections.abc import Callable

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from tests.conftest import REPOSITORY

OPTIONS = sorted(path.stem for path in (REPOSITORY / "conf" / "init").glob("*.yaml"))
LAYERS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {  # fan_in, fan_out
    "linear": (lambda: nn.Linear(400, 300), 400, 300),
    "conv": (lambda: nn.Conv2d(32, 48, 5), 32 * 25, 48 * 25),
}
VARIANCES: dict[str, Callable[[int, int], float]] = {
    "torch_default": lambda fan_in, fan_out: 1 / (3 * fan_in),
    "zeros": lambda fan_in, fan_out: 0.0,
    "random_uniform": lambda fan_in, fan_out: 0.05**2,
    "random_normal": lambda fan_in, fan_out: 0.05**2,
    "truncated_normal": lambda fan_in, fan_out: 0.05**2,
    "xavier_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "xavier_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
}
BOUNDS: dict[str, Callable[[int, int], float]] = {
    "torch_default": lambda fan_in, fan_out: 1 / math.sqrt(fan_in),
    "random_uniform": lambda fan_in, fan_out: 0.05 * math.sqrt(3),
    # cut off at two standard deviations: 1 - 4φ(2)/(Φ(2) - Φ(-2)) = 0.7737 of the variance is left
    "truncated_normal": lambda fan_in, fan_out: 2 * 0.05 / math.sqrt(0.7737),
    "xavier_uniform": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
    "lecun_uniform": lambda fan_in, fan_out: math.sqrt(3 / fan_in),
    "he_uniform": lambda fan_in, fan_out: math.sqrt(6 / fan_in),
}


def initialise(option: str, network: nn.Module) -> None:
    torch.manual_seed(0)
    network.requires_grad_(False)
    with torch.no_grad():
        instantiate(OmegaConf.load(REPOSITORY / "conf" / "init" / f"{option}.yaml"))(network)


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> tuple[nn.Module, int, int]:
    make, fan_in, fan_out = LAYERS[request.param]
    return make(), fan_in, fan_out


@pytest.mark.parametrize("option", VARIANCES)
def test_the_weights_have_mean_zero_and_the_stated_variance(option: str, layer: tuple[nn.Module, int, int]):
    module, fan_in, fan_out = layer
    initialise(option, module)
    variance = VARIANCES[option](fan_in, fan_out)
    # 38,400 weights or more: five standard errors of a normal's mean and variance
    num = module.weight.numel()
    assert abs(module.weight.mean()) <= 5 * math.sqrt(variance / num)
    assert module.weight.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / num))


@pytest.mark.parametrize("option", BOUNDS)
def test_bounded_weights_reach_their_bound_and_do_not_pass_it(option: str, layer: tuple[nn.Module, int, int]):
    module, fan_in, fan_out = layer
    initialise(option, module)
    bound = BOUNDS[option](fan_in, fan_out)
    assert 0.99 * bound < module.weight.abs().max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize(
    "option", [name for name in VARIANCES if name.endswith("normal") and name != "truncated_normal"]
)
def test_normal_weights_have_a_normals_kurtosis(option: str, layer: tuple[nn.Module, int, int]):
    module, _, _ = layer
    initialise(option, module)
    standardised = module.weight / module.weight.std()
    assert standardised.pow(4).mean() == pytest.approx(3, rel=0.05)  # a uniform's is 1.8


def test_orthogonal_filters_are_orthonormal(layer: tuple[nn.Module, int, int]):
    module, _, _ = layer
    initialise("orthogonal", module)
    rows = module.weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("option", OPTIONS)
def test_biases_are_zero_and_other_parameters_keep_their_own(option: str):
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))
    initialise(option, network)
    conv, norm, prelu, _, linear = network
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()
    assert prelu.weight == 0.25
    for module in (conv, linear):
        assert bool((module.bias == 0).all()) == (option != "torch_default")


def test_every_option_is_tested():
    assert set(OPTIONS) == {*VARIANCES, "orthogonal"}
