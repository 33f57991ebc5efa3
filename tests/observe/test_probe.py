"""What the probe measures, against loops and formulas written by hand."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from cnnlab.nn import CNN, Committee, LectureNet
from cnnlab.nn.loss import SoftmaxMSELoss
from cnnlab.nn.pool import MaxPool2d
from cnnlab.observe.probe import WHOLE, probe
from tests.conftest import MNIST

IMAGES = torch.randn(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(40) % 10


def values(network: nn.Module) -> dict[tuple[str, str], float]:
    readings = probe(network, functional.cross_entropy, IMAGES, LABELS)
    found = {(each.layer, each.quantity): each.value for each in readings}
    assert len(found) == len(readings)
    return found


def lecture() -> LectureNet:
    torch.manual_seed(0)
    return LectureNet(nn.ReLU, lambda: MaxPool2d(2), **MNIST)


def mlp(activation: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 30), activation, nn.Linear(30, 10))


def test_forward_quantities_are_those_of_a_hand_written_network():
    network = mlp(nn.Tanh())
    found = values(network)
    before = functional.linear(IMAGES.flatten(1), network[1].weight, network[1].bias)
    after = before.tanh()
    assert found["2", "pre_mean"] == pytest.approx(before.mean().item(), abs=1e-6)
    assert found["2", "pre_std"] == pytest.approx(before.std(correction=0).item())
    assert found["2", "post_std"] == pytest.approx(after.std(correction=0).item())
    assert found["2", "saturated_fraction"] == pytest.approx((after.abs() > 0.97).float().mean().item())
    assert found["2", "near_zero_fraction"] == pytest.approx((after.abs() <= 0.05).float().mean().item())
    assert found["2", "dead_fraction"] == 0
    loss = functional.cross_entropy(functional.linear(after, network[3].weight, network[3].bias), LABELS)
    assert found[WHOLE, "loss"] == pytest.approx(loss.detach().item())


def test_backward_quantities_are_those_of_autograd():
    network = mlp(nn.Sigmoid())
    found = values(network)
    before = network[1](IMAGES.flatten(1)).detach().requires_grad_()
    functional.cross_entropy(network[3](before.sigmoid()), LABELS).backward()
    assert found["2", "backward_std"] == pytest.approx(before.grad.std(correction=0).item())
    network.zero_grad()
    functional.cross_entropy(network(IMAGES), LABELS).backward()
    gradients = {name: network.get_parameter(name).grad for name in ("1.weight", "3.weight")}
    for name, gradient in gradients.items():
        assert found[name, "gradient_norm"] == pytest.approx(gradient.norm().item(), rel=1e-5)
        assert found[name, "gradient_std"] == pytest.approx(gradient.std(correction=0).item(), rel=1e-5)
        positive = (gradient > 0).float().mean(dim=1)
        assert found[name, "sign_agreement"] == pytest.approx(torch.maximum(positive, 1 - positive).mean().item())
    ratio = gradients["1.weight"].norm() / gradients["3.weight"].norm()
    assert found[WHOLE, "first_to_last_ratio"] == pytest.approx(ratio.item(), rel=1e-5)


def test_a_sigmoids_outputs_zigzag_and_a_tanhs_do_not():
    """Sigmoid's are all positive: each example's gradients of a neuron's weights have one sign."""
    assert values(mlp(nn.Sigmoid()))["3.weight", "sign_agreement_per_example"] == 1
    assert values(mlp(nn.Tanh()))["3.weight", "sign_agreement_per_example"] < 0.75


def test_gradients_of_examples_are_those_of_a_loop():
    network = lecture().eval()
    found = values(network)
    name = (
        "conv2.weight"
        if "conv2.weight" in dict(network.named_parameters())
        else next(name for name, each in network.named_parameters() if each.ndim == 4 and each.shape[1] > 1)
    )
    shares = []
    for image, label in zip(IMAGES[:32], LABELS[:32], strict=True):
        loss = functional.cross_entropy(network(image[None]), label[None])
        (gradient,) = torch.autograd.grad(loss, [network.get_parameter(name)])
        rows = gradient.flatten(1)
        positive, negative = (rows > 0).sum(1), (rows < 0).sum(1)
        alive = positive + negative > 0
        shares += (torch.maximum(positive, negative)[alive] / (positive + negative)[alive]).tolist()
    assert found[name, "sign_agreement_per_example"] == pytest.approx(sum(shares) / len(shares), abs=1e-3)


@pytest.mark.parametrize("inplace", [False, True])
def test_an_activation_in_place_is_measured_as_one_that_is_not(inplace: bool):
    found, expected = values(mlp(nn.ReLU(inplace=inplace))), values(mlp(nn.ReLU()))
    assert found == expected
    assert found["2", "pre_std"] > found["2", "post_std"]


@pytest.mark.parametrize("make", [lecture, lambda: CNN(nn.ReLU, lambda: MaxPool2d(2), depth=3, width=8, **MNIST)])
def test_the_network_is_afterwards_what_it_was(make):
    network = make().train()
    network.get_parameter(next(iter(dict(network.named_parameters())))).grad = None
    before, modes = copy.deepcopy(network.state_dict()), [module.training for module in network.modules()]
    state = torch.get_rng_state()
    probe(network, functional.cross_entropy, IMAGES, LABELS)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert all(each.grad is None for each in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_hooks_are_gone_after_an_interruption():
    network = mlp(nn.ReLU())

    def interrupted(_logits: torch.Tensor, _labels: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probe(network, interrupted, IMAGES, LABELS)
    assert not network[2]._forward_hooks
    assert not network[2]._forward_pre_hooks


def test_every_member_of_a_committee_is_measured():
    found = values(Committee([mlp(nn.ReLU()), mlp(nn.ReLU())]))
    assert {layer for layer, _ in found} >= {"members.0.2", "members.1.2"}


def test_a_network_that_starts_undecided_has_a_loss_of_the_logarithm_of_ten():
    network = mlp(nn.ReLU())
    nn.init.zeros_(network[3].weight)
    nn.init.zeros_(network[3].bias)
    found = values(network)
    assert found[WHOLE, "loss"] == pytest.approx(math.log(10))
    assert found["1.weight", "gradient_norm"] == 0
    assert math.isnan(found["1.weight", "sign_agreement"])


def test_every_loss_of_conf_can_be_probed():
    network = mlp(nn.Tanh())
    found = {(each.layer, each.quantity): each.value for each in probe(network, SoftmaxMSELoss(), IMAGES, LABELS)}
    target = functional.one_hot(LABELS, 10).float()
    assert found[WHOLE, "loss"] == pytest.approx((network(IMAGES).softmax(1) - target).square().mean().item())
    assert found["1.weight", "sign_agreement_per_example"] >= 0.5
