"""What is said of a network before its first step."""

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.nn.loss import SoftmaxMSELoss
from cnnlab.observe.initial_report import chance_loss, format_variances, initial_report, warnings_of
from cnnlab.observe.probe import probe
from cnnlab.run.execution import run
from tests.conftest import SMALL

IMAGES = torch.randn(60, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(60) % 10


def mlp(activation: type[nn.Module], depth: int, init: Any) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for width in [64] + [40] * (depth - 1):
        layers += [nn.Linear(width, 40), activation()]
    network = nn.Sequential(*layers, nn.Linear(40, 10))
    for parameter in network.parameters():
        nn.init.zeros_(parameter) if parameter.ndim == 1 else init(parameter)
    return network


def report_of(network: nn.Module, loss: Any = functional.cross_entropy) -> Any:
    return initial_report(network, loss, LABELS, probe(network, loss, IMAGES, LABELS))


def normal(std: float) -> Any:
    return lambda weight: nn.init.normal_(weight, std=std)


def test_the_variances_are_those_of_a_loop_written_by_hand():
    network = mlp(nn.Tanh, 3, nn.init.xavier_normal_)
    report = report_of(network)
    hidden, kept = IMAGES.flatten(1), []
    for weight in [each for each in network.parameters() if each.ndim == 2][:-1]:
        before = (hidden @ weight.T).detach().requires_grad_()
        kept.append((before, before.tanh()))
        hidden = kept[-1][1]
    for layer, (before, after) in zip(report.layers, kept, strict=True):
        assert layer.before == pytest.approx(before.var(correction=0).item(), rel=1e-4)
        assert layer.after == pytest.approx(after.var(correction=0).item(), rel=1e-4)
    last = kept[-1][0].detach().clone().requires_grad_()
    functional.cross_entropy(last.tanh() @ list(network.parameters())[-2].T, LABELS).backward()
    assert report.layers[-1].backward == pytest.approx(last.grad.var(correction=0).item(), rel=1e-4)
    network.zero_grad()
    functional.cross_entropy(network(IMAGES), LABELS).backward()
    first, final = network[1].weight, network[-1].weight
    ratio = (first.grad.norm() / first.norm()) / (final.grad.norm() / final.norm())
    assert report.gradient_factor == pytest.approx(ratio.item(), rel=1e-4)


def test_equal_logits_lose_the_logarithm_of_the_number_of_classes():
    network = mlp(nn.ReLU, 1, nn.init.kaiming_normal_)
    assert chance_loss(network, functional.cross_entropy, LABELS) == pytest.approx(math.log(10))
    assert chance_loss(network, SoftmaxMSELoss(), LABELS) == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("activation", "init", "depth"),
    [
        (nn.ReLU, nn.init.kaiming_normal_, 2),
        (nn.ReLU, lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"), 20),
        (nn.Tanh, nn.init.xavier_normal_, 20),
        (nn.Sigmoid, nn.init.xavier_normal_, 1),
    ],
)
def test_a_healthy_start_is_silent(activation: type[nn.Module], init: Any, depth: int):
    assert warnings_of(report_of(mlp(activation, depth, init))) == []


@pytest.mark.parametrize(
    ("activation", "init", "depth", "expected"),
    [
        (nn.Tanh, normal(0.02), 8, ["signals vanish"]),
        (nn.ReLU, normal(1.0), 6, ["signals explode", "the loss is"]),
        (nn.Sigmoid, nn.init.xavier_normal_, 10, ["gradients vanish"]),
        (nn.Tanh, normal(3.0), 1, ["the loss is"]),
    ],
)
def test_an_unhealthy_start_is_told(activation: type[nn.Module], init: Any, depth: int, expected: list[str]):
    lines = warnings_of(report_of(mlp(activation, depth, init)))
    assert all("\n" not in line for line in lines)
    assert [any(text in line for line in lines) for text in expected] == [True] * len(expected), lines


def test_a_first_layer_that_jumps_is_told():
    network = mlp(nn.ReLU, 2, nn.init.kaiming_normal_)
    with torch.no_grad():
        network[1].weight *= 0.01
    (line,) = warnings_of(report_of(network))
    assert line.startswith("at the start, gradients explode: relative to the weights, that of 1.weight is ")


def test_networks_without_signal_layers_or_weights_are_no_error():
    zero = mlp(nn.Tanh, 3, nn.init.zeros_)
    assert math.isnan(report_of(zero).signal_factor)
    assert warnings_of(report_of(zero)) == []
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    assert warnings_of(report_of(linear)) == []
    assert report_of(linear).layers == []


def test_batch_norm_is_not_judged_by_what_it_does_in_evaluation():
    network = nn.Sequential(nn.Flatten())
    for width in [64] + [40] * 7:
        network.append(nn.Linear(width, 40, bias=False)).append(nn.BatchNorm1d(40)).append(nn.Tanh())
    network.append(nn.Linear(40, 10))
    for parameter in network.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02)
    report = report_of(network)
    assert report.signal_factor < 0.01
    assert warnings_of(report) == []


def test_the_table_has_a_line_per_activation():
    lines = format_variances(report_of(mlp(nn.Tanh, 3, nn.init.xavier_normal_)).layers).splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["layer", "before", "after", "gradient"]
    assert lines[1].split()[0] == "2"


@pytest.mark.parametrize(("choice", "told"), [(("init=he_uniform",), False), (("activation=sigmoid",), True)])
def test_a_run_tells_of_it_once(
    compose_run, tmp_path: Path, caplog: pytest.LogCaptureFixture, choice: tuple[str, ...], told: bool
):
    short = ("model=mlp", "model.depth=6", "model.width=16", "trainer.max_epochs=1", "trainer.limit_train_batches=2")
    with caplog.at_level(logging.WARNING, "cnnlab.observe"):
        run(compose_run(*SMALL, *short, *choice, "logger=none", "callbacks=full"))
    lines = [record.getMessage() for record in caplog.records if record.name == "cnnlab.observe.diagnostics"]
    assert [line.startswith("at the start, gradients vanish: ") for line in lines] == [True] * told
