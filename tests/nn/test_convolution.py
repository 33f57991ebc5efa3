"""The lecture's convolution as torch computes it, and the layers that use our kernels."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional
from torch.nn.modules import module as every_module

from cnnlab import kernels
from cnnlab.kernels.convolution import MIN_IMAGES
from cnnlab.nn.batch_norm import BatchNorm2d
from cnnlab.nn.convolution import Conv2d, ConvPool


def digits(rows: str) -> torch.Tensor:
    return torch.tensor([[float(digit) for digit in row] for row in rows.split()])[None, None]


def test_the_worked_example():
    image = digits("11100 01110 00111 00110 01100")
    kernel = digits("101 010 101")
    assert torch.equal(functional.conv2d(image, kernel), digits("434 243 234"))


@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 7),
    padding=st.integers(0, 3),
    stride=st.integers(1, 4),
)
def test_the_output_size_is_floor_of_i_minus_k_plus_2p_over_s_plus_1(size: int, kernel: int, padding: int, stride: int):
    if size + 2 * padding < kernel:
        return  # no output: torch refuses it, and the formula is not meant for it
    output = functional.conv2d(torch.ones(1, 1, size, size), torch.ones(1, 1, kernel, kernel), None, stride, padding)
    expected = (size - kernel + 2 * padding) // stride + 1
    assert output.shape == (1, 1, expected, expected)


NEEDS_KERNELS = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")


class Counting:
    """Counts the calls of the kernel with pooling."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0

        conv2d = kernels.conv2d

        def counted(*args: Any, **options: Any) -> torch.Tensor:
            self.calls += options.get("is_pooled", False)
            return conv2d(*args, **options)

        monkeypatch.setattr("cnnlab.kernels.conv2d", counted)


MAX = nn.MaxPool2d(2)
PLAIN = nn.Conv2d(1, 3, 5)


@pytest.mark.parametrize(
    ("conv", "pool", "images"),
    [
        (PLAIN, nn.AvgPool2d(2), torch.randn(16, 1, 28, 28)),
        (PLAIN, nn.MaxPool2d(3), torch.randn(16, 1, 28, 28)),
        (PLAIN, nn.MaxPool2d(2, stride=1), torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, padding=3), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, padding=(1, 2)), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, padding="same"), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, padding=1, padding_mode="reflect"), MAX, torch.randn(16, 1, 28, 28)),
        (PLAIN, nn.MaxPool2d(2, ceil_mode=True), torch.randn(16, 1, 27, 27)),
        (nn.Conv2d(1, 3, 7), MAX, torch.randn(16, 1, 28, 28)),
        (PLAIN, MAX, torch.randn(1, 28, 28)),
        (nn.Conv2d(1, 3, 5, stride=2), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, dilation=2), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 4), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, (3, 5)), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(2, 2, 5, groups=2), MAX, torch.randn(16, 2, 28, 28)),
        (PLAIN, MAX, torch.randn(MIN_IMAGES - 1, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5).bfloat16(), MAX, torch.randn(16, 1, 28, 28).bfloat16()),
    ],
)
def test_what_it_was_not_made_for_is_left_to_torch(monkeypatch: pytest.MonkeyPatch, conv, pool, images):
    counting = Counting(monkeypatch)
    torch.testing.assert_close(ConvPool(conv, pool)(images), pool(conv(images)))
    assert counting.calls == 0


@NEEDS_KERNELS
def test_it_takes_what_it_was_made_for(monkeypatch: pytest.MonkeyPatch):
    counting, layer, images = Counting(monkeypatch), ConvPool(PLAIN, MAX), torch.randn(16, 1, 28, 28)
    torch.testing.assert_close(layer(images), MAX(PLAIN(images)))
    assert counting.calls == 1
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(images).dtype == torch.bfloat16
    assert torch.export.export(layer, (images,)).module()(images).shape == (16, 3, 12, 12)
    assert counting.calls == 1


HOOKS = ("forward_pre_hook", "forward_hook", "full_backward_pre_hook", "full_backward_hook", "backward_hook")


@NEEDS_KERNELS
@pytest.mark.filterwarnings("ignore:Using a non-full backward hook")
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("place", [0, 1, None], ids=["conv", "pool", "every module"])
def test_a_hook_on_a_layer_is_called(monkeypatch: pytest.MonkeyPatch, hook: str, place: int | None):
    monkeypatch.setattr(every_module, "_global_is_full_backward_hook", None)  # torch takes one kind a process
    counting, layer = Counting(monkeypatch), ConvPool(nn.Conv2d(1, 3, 5), nn.MaxPool2d(2))
    owner, name = (every_module, f"register_module_{hook}") if place is None else (layer[place], f"register_{hook}")
    seen: list[nn.Module] = []
    handle = getattr(owner, name)(lambda module, *_: seen.append(module))
    try:
        layer(torch.randn(16, 1, 28, 28, requires_grad=True)).sum().backward()
    finally:
        handle.remove()
    assert counting.calls == 0
    assert layer[place or 0] in seen
    layer(torch.randn(16, 1, 28, 28))
    assert counting.calls == 1  # the hook is gone


def test_a_replaced_pooling_is_used():
    layer, images = ConvPool(PLAIN, MAX), torch.randn(16, 1, 28, 28)
    layer[1] = nn.AvgPool2d(2)
    assert torch.equal(layer(images), nn.AvgPool2d(2)(PLAIN(images)))


@NEEDS_KERNELS
@pytest.mark.parametrize("conv", [nn.Conv2d(1, 3, 3, padding=1), Conv2d(1, 3, 3, padding=1)])
@pytest.mark.parametrize("size", [27, 28])
def test_padding_and_odd_sizes_are_fused_too(monkeypatch: pytest.MonkeyPatch, conv: nn.Conv2d, size: int):
    counting, images = Counting(monkeypatch), torch.randn(16, 1, size, size)
    torch.testing.assert_close(ConvPool(conv, MAX)(images), MAX(nn.Conv2d.forward(conv, images)))
    assert counting.calls == 1


@NEEDS_KERNELS
def test_the_convolution_alone_uses_the_kernel_and_has_torchs_name(monkeypatch: pytest.MonkeyPatch):
    calls, conv2d = [], kernels.conv2d
    monkeypatch.setattr("cnnlab.kernels.conv2d", lambda *args, **options: calls.append(1) or conv2d(*args, **options))
    layer, images = Conv2d(2, 3, 3, padding=1), torch.randn(16, 2, 9, 9)
    theirs = nn.Conv2d(2, 3, 3, padding=1)
    theirs.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(images), theirs(images))
    assert len(calls) == 1
    assert str(layer) == str(theirs)


def test_torchs_kernels_can_be_chosen(monkeypatch: pytest.MonkeyPatch):
    counting, layer, images = Counting(monkeypatch), ConvPool(PLAIN, MAX), torch.randn(16, 1, 28, 28)
    kernels.choose("torch")
    try:
        assert torch.equal(layer(images), MAX(PLAIN(images)))
    finally:
        kernels.choose("auto")
    assert counting.calls == 0


@NEEDS_KERNELS
def test_weights_on_another_device_are_not_read():
    images, weight = torch.randn(2, 9, 9, 16).permute(3, 0, 1, 2), torch.randn(3, 2, 3, 3)
    bias = torch.zeros(3)
    assert kernels.can_convolve(images, weight, bias, 0)
    assert not kernels.can_convolve(images, weight.to("meta"), None, 0)
    assert not kernels.can_convolve(images, weight, bias.to("meta"), 0)
    assert BatchNorm2d(2)._can_use_kernel(images)
    assert not BatchNorm2d(2, device="meta")._can_use_kernel(images)


def test_tensors_without_numbers_are_left_to_torch():
    with FakeTensorMode() as mode:
        images = mode.from_tensor(torch.randn(16, 1, 28, 28))
        layer = ConvPool(Conv2d(1, 3, 5), MAX)
        assert layer(images).shape == (16, 3, 12, 12)


def test_a_bias_may_have_any_strides():
    conv, images = Conv2d(1, 3, 3), torch.randn(16, 1, 9, 9)
    state = {"weight": conv.weight, "bias": torch.randn(6)[::2]}
    ours, theirs = (torch.func.functional_call(layer, state, (images,)) for layer in (conv, nn.Conv2d(1, 3, 3)))
    torch.testing.assert_close(ours, theirs)
