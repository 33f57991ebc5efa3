import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nn import CNN, MLP, Committee, LectureNet, SoftmaxRegression
from cnnlab.nn.places import NetworkParameters
from cnnlab.optim import MuonAdamW
from cnnlab.optim.muon import orthogonalise
from cnnlab.training.build import build_classifier
from tests.conftest import MNIST


def lecture() -> nn.Module:
    torch.manual_seed(0)
    return LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST, channel_dropout=0.0, dropout=0.0)


def train(network: nn.Module, optimizer: torch.optim.Optimizer, num_steps: int, first: int = 0) -> None:
    for step in range(first, first + num_steps):
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(16, 1, 28, 28, generator=generator).to(next(network.parameters()).dtype)
        labels = torch.randint(0, 10, (16,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()


def shapes(parameters: list[nn.Parameter]) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in parameters]


@pytest.mark.parametrize("make", [nn.Module.parameters, NetworkParameters])
def test_weights_between_the_first_and_the_last_layer_go_to_muon_and_the_rest_to_adamw(make):
    muon, adamw = MuonAdamW(make(lecture())).param_groups
    assert shapes(muon["params"]) == [(20, 10, 5, 5), (50, 320)]
    assert shapes(adamw["params"]) == [(10, 1, 5, 5), (10,), (20,), (50,), (10, 50), (10,)]


def test_each_member_of_a_committee_has_an_input_and_an_output_layer():
    network = Committee([lecture(), Committee([lecture(), lecture()])])
    muon, adamw = MuonAdamW(NetworkParameters(network)).param_groups
    assert shapes(muon["params"]) == [(20, 10, 5, 5), (50, 320)] * 3
    assert shapes(adamw["params"]) == [(10, 1, 5, 5), (10,), (20,), (50,), (10, 50), (10,)] * 3


@pytest.mark.parametrize("num_members", [1, 2])
def test_place_and_not_shape_decides(num_members: int):
    """At width 10, hidden weights have the output layer's shape."""
    network = Committee([MLP(nn.ReLU, **MNIST, depth=4, width=10) for _ in range(num_members)])
    muon, adamw = MuonAdamW(NetworkParameters(network)).param_groups
    assert shapes(muon["params"]) == [(10, 10)] * 3 * num_members
    hidden = {
        id(layer.weight) for member in network.members for layer in member.layers[3:-1] if hasattr(layer, "weight")
    }
    assert {id(weight) for weight in muon["params"]} == hidden
    assert (10, 784) in shapes(adamw["params"])


def test_gains_norms_and_slopes_are_no_weights():
    network = CNN(nn.PReLU, lambda: nn.MaxPool2d(2), **MNIST, channels=[3, 4, 5])
    for module in [module for module in network.modules() if isinstance(module, nn.Conv2d)]:
        nn.utils.parametrizations.weight_norm(module)  # gains of shape (out, 1, 1, 1)
    muon, _ = MuonAdamW(NetworkParameters(network)).param_groups
    assert shapes(muon["params"]) == [(4, 3, 3, 3), (5, 4, 3, 3)]


def test_a_run_tells_the_optimiser_the_places(compose_run):
    config = compose_run(
        "data=mnist_5k", "model=mlp", "model.width=10", "model.depth=3", "model.num_members=2", "optimizer=muon"
    )
    classifier = build_classifier(config)
    classifier.trainer = SimpleNamespace(estimated_stepping_batches=1, callbacks=[])
    muon, _ = classifier.configure_optimizers().param_groups
    assert shapes(muon["params"]) == [(10, 10)] * 4


def test_a_state_with_other_hidden_weights_is_refused_in_one_line():
    network = lecture()
    older = MuonAdamW(list(network.parameters())[2:])
    with pytest.raises(UserError, match=r"has other hidden weights, of another version of cnnlab; .* start a new run$"):
        MuonAdamW(network.parameters()).load_state_dict(older.state_dict())


def test_a_convolutions_update_is_orthogonal_rows_of_its_flattened_filters():
    network = lecture()
    before = network.layers[2][0].weight.detach().clone()
    train(network, MuonAdamW(network.parameters(), lr=0.01, weight_decay=0.0), num_steps=1)
    update = (network.layers[2][0].weight.detach() - before).flatten(1)  # (20, 250)
    singular = torch.linalg.svdvals(update.double())
    # Newton-Schulz leaves singular values between about 0.7 and 1.2; the scale is 0.2·√max(20, 250) (match_rms_adamw)
    scale = 0.01 * 0.2 * 250**0.5
    assert 0.5 * scale < singular.min()
    assert singular.max() < 1.35 * scale


def test_it_is_torchs_muon_and_adamw_side_by_side(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.double)  # in which torch's would iterate
    ours, theirs = lecture().double(), lecture().double()  # in float32, rounding differs between processors
    optimizer = MuonAdamW(ours.parameters(), lr=0.01, weight_decay=0.1, momentum=0.9)
    weights = [theirs.layers[2][0].weight, theirs.layers[6].weight]
    hidden = [nn.Parameter(weight.detach().flatten(1)) for weight in weights]
    muon = torch.optim.Muon(hidden, lr=0.01, weight_decay=0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw")
    biases = [theirs.layers[0][0].bias, theirs.layers[2][0].bias, theirs.layers[6].bias]
    rest = [theirs.layers[0][0].weight, *biases, *theirs.layers[9].parameters()]
    adamw = torch.optim.AdamW(rest, lr=0.01, weight_decay=0.1)
    for step in range(3):
        train(ours, optimizer, 1, first=step)
        theirs.zero_grad()
        generator = torch.Generator().manual_seed(step)
        images = torch.randn(16, 1, 28, 28, generator=generator).double()
        labels = torch.randint(0, 10, (16,), generator=generator)
        nn.functional.cross_entropy(theirs(images), labels).backward()
        for matrix, weight in zip(hidden, weights, strict=True):
            matrix.grad = weight.grad.flatten(1)
        muon.step()
        adamw.step()
    for ours_weight, theirs_weight in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours_weight, theirs_weight)


def test_a_schedule_sets_the_learning_rate_of_both():
    network = lecture()
    optimizer = MuonAdamW(network.parameters(), weight_decay=0.0)
    before = [weight.detach().clone() for weight in network.parameters()]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    train(network, optimizer, 1)
    assert all(torch.equal(now, then) for now, then in zip(network.parameters(), before, strict=True))


def test_a_saved_state_resumes_in_the_same_bits():
    whole, part, resumed = lecture(), lecture(), lecture()
    train(whole, MuonAdamW(whole.parameters()), 4)
    optimizer = MuonAdamW(part.parameters())
    train(part, optimizer, 2)
    resumed.load_state_dict(part.state_dict())
    again = MuonAdamW(resumed.parameters(), lr=1.0)
    again.load_state_dict(optimizer.state_dict())
    train(resumed, again, 2, first=2)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True))


@pytest.mark.parametrize("network", [SoftmaxRegression(**MNIST), MLP(nn.ReLU, **MNIST, depth=1)], ids=["linear", "mlp"])
def test_a_network_without_hidden_weights_is_refused(network: nn.Module):
    with pytest.raises(UserError, match="use optimizer=adamw"):
        MuonAdamW(NetworkParameters(network))


def test_the_order_of_weights_in_memory_changes_nothing():
    plain, turned = lecture(), lecture().to(memory_format=torch.channels_last)
    assert not turned.layers[2][0].weight.is_contiguous()
    train(plain, MuonAdamW(plain.parameters()), num_steps=3)
    train(turned, MuonAdamW(turned.parameters()), num_steps=3)
    for ours, theirs in zip(turned.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 144), (64, 576), (576, 64), (40, 50), (1, 9), (9, 1)])
@pytest.mark.parametrize("smallest", [1.0, 1e-4])
def test_an_update_is_that_of_newton_schulz_in_double_precision(shape: tuple[int, int], smallest: float):
    torch.manual_seed(0)
    values = torch.logspace(0, math.log10(smallest), min(shape), dtype=torch.float64)
    left, _, right = torch.linalg.svd(torch.randn(shape, dtype=torch.float64), full_matrices=False)
    matrix = left @ torch.diag(values) @ right
    expected = matrix / matrix.norm()
    for _ in range(5):  # Jordan's published iteration
        gram = expected @ expected.t()
        expected = 3.4445 * expected + (-4.775 * gram + 2.0315 * gram @ gram) @ expected
    torch.testing.assert_close(orthogonalise(matrix), expected, rtol=1e-8, atol=1e-8)
    error = (orthogonalise(matrix.float()) - expected).norm() / expected.norm()
    assert error < 1e-3  # bfloat16's rounding is 4e-3
