import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.bench.floor import FORWARD, matmul_rate, multiply_adds
from cnnlab.bench.plain_net import PlainNet


def test_the_arithmetic_is_what_torch_counts():
    network, images = PlainNet(), torch.randn(1, 1, 28, 28)
    with FlopCounterMode(display=False) as forward:
        network(images)
    assert forward.get_total_flops() == 2 * sum(FORWARD.values())
    with FlopCounterMode(display=False) as both:
        network(images).sum().backward()
    assert both.get_total_flops() == 2 * multiply_adds()


def test_a_matmul_rate_is_positive():
    assert matmul_rate(64, 2) > 0
