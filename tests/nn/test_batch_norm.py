"""Batch norm's statistics for weights that collected none."""

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from cnnlab.nn import CNN, Committee, LectureNet
from cnnlab.nn.batch_norm import NUM_BATCHES, has_running_statistics, recompute_running_statistics
from tests.conftest import MNIST


def cnn(seed: int = 0, dropout: float = 0.5) -> CNN:
    torch.manual_seed(seed)
    return CNN(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST, depth=3, width=2, dropout=dropout)


def images(num: int) -> torch.Tensor:
    return torch.randn(num, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def buffers(network: nn.Module) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in network.buffers()]


def test_they_are_those_of_torchs_update_bn_over_batches_from_all_over_the_images():
    ours, theirs, data = cnn(), cnn(dropout=0.0), images(120)
    theirs(data)  # what was collected before does not count
    recompute_running_statistics(ours, data)
    update_bn([data[first::NUM_BATCHES] for first in range(NUM_BATCHES)], theirs)
    for our_buffer, their_buffer in zip(ours.buffers(), theirs.buffers(), strict=True):
        assert torch.equal(our_buffer, their_buffer)


def test_they_depend_on_weights_and_images_alone():
    first, second = cnn(), cnn()
    second(images(8))
    state = torch.get_rng_state()
    for network in (first, second):
        recompute_running_statistics(network, images(60))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(buffers(first), buffers(second), strict=True))
    assert torch.equal(torch.get_rng_state(), state)  # dropout drew nothing


def test_modes_momenta_and_gradients_are_left_as_they_were():
    network = cnn()
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    norm.eval()  # frozen by a user
    modes = [module.training for module in network.modules()]
    recompute_running_statistics(network, images(20))
    assert [module.training for module in network.modules()] == modes
    assert norm.momentum == 0.1
    assert all(parameter.grad is None for parameter in network.parameters())


def test_each_member_of_a_committee_sees_all_images():
    committee, alone = Committee([cnn(1), cnn(2)]), [cnn(1), cnn(2)]
    recompute_running_statistics(committee, images(60))
    for member, network in zip(committee.members, alone, strict=True):
        recompute_running_statistics(network, images(60))
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(buffers(member), buffers(network), strict=True))


def test_a_network_without_statistics_costs_nothing():
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), **MNIST)
    untracked = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False))
    assert not has_running_statistics(network)
    assert not has_running_statistics(untracked)
    network.forward = None  # would raise
    recompute_running_statistics(network, images(2))
    assert has_running_statistics(nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True)))
