"""Layers that have one kernel together, against the layers one after the other."""

import copy

import pytest
import torch
from torch import nn

from cnnlab import kernels
from cnnlab.nn.batch_norm import BatchNorm2d
from cnnlab.nn.convolution import Conv2d, ConvPool
from cnnlab.nn.pool import GlobalAvgPool2d, MaxPool2d
from cnnlab.nn.sequential import Sequential


def layers() -> list[nn.Module]:
    torch.manual_seed(0)
    return [
        *(ConvPool(Conv2d(1, 4, 5), MaxPool2d(2)), nn.ReLU(), Conv2d(4, 6, 3, padding=1), BatchNorm2d(6), nn.ReLU()),
        *(MaxPool2d(2), Conv2d(6, 5, 3, padding=1), BatchNorm2d(5), nn.SiLU(), GlobalAvgPool2d(), nn.Flatten()),
    ]


def torchs() -> nn.Sequential:
    theirs: list[nn.Module] = [nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1)]
    theirs += [nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, padding=1), nn.BatchNorm2d(5)]
    network = nn.Sequential(*theirs, nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network.load_state_dict(dict(zip(network.state_dict(), Sequential(*layers()).state_dict().values(), strict=True)))
    return network.double()


def test_it_is_the_same_function_in_training_and_in_evaluation():
    ours, theirs = Sequential(*layers()).double(), torchs()
    for _ in range(3):
        images = torch.randn(20, 1, 28, 28, dtype=torch.float64)
        outputs = [network(images) for network in (ours, theirs)]
        torch.testing.assert_close(*outputs)
        for network, output in zip((ours, theirs), outputs, strict=True):
            network.zero_grad()
            output.square().sum().backward()
        for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(our.grad, their.grad)
        with torch.no_grad():
            for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
                our.sub_(0.01 * their.grad)
                their.sub_(0.01 * their.grad)
    for our, their in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(our, their)
    images = torch.randn(20, 1, 28, 28, dtype=torch.float64, requires_grad=True)
    outputs = [network.eval()(images) for network in (ours, theirs)]
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*(torch.autograd.grad(output.sum(), images)[0] for output in outputs))


def test_batch_norm_may_average_over_all_batches_and_refuses_a_single_number():
    ours, theirs = BatchNorm2d(3, momentum=None), nn.BatchNorm2d(3, momentum=None)
    for _ in range(3):
        images = torch.randn(16, 3, 5, 5).permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
        torch.testing.assert_close(ours(images), theirs(images))
    for our, their in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(our, their)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        ours(torch.randn(1, 3, 1, 1))


@pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")
def test_relu_is_computed_with_the_layer_before_it(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    for name in ("conv2d", "batch_norm"):
        function = getattr(kernels, name)

        def counted(*args, _name=name, _function=function, **options):
            calls.extend([_name] if options.get("is_rectified") else [])
            return _function(*args, **options)

        monkeypatch.setattr(kernels, name, counted)
    network = Sequential(*layers())
    network(torch.randn(20, 1, 28, 28))
    assert calls == ["conv2d", "batch_norm"]


@pytest.mark.parametrize("place", range(11))
def test_a_hook_on_any_layer_is_called_and_sees_what_the_layers_alone_return(place: int):
    network = Sequential(*layers())
    plain = nn.Sequential(*copy.deepcopy(layers()))
    seen: list[torch.Tensor] = []
    for each in (network, plain):
        each[place].register_forward_hook(lambda layer, inputs, output: seen.append(output.detach().clone()))
        each(torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(*seen)
