"""The fused product against torch's own convolution and pooling."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as every_module

from cnnlab.nn.conv_pool import MIN_IMAGES, TILE_IMAGES, ConvPool, conv_max_pool2d


def in_torch(images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return functional.max_pool2d(functional.conv2d(images, weight, bias), 2)


def random(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype, requires_grad=True) for shape in shapes]


@settings(deadline=None)
@given(
    num=st.integers(1, 9),
    channels=st.integers(1, 4),
    filters=st.integers(1, 5),
    size=st.sampled_from([1, 3, 5]),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    last_in_memory=st.booleans(),
    has_bias=st.booleans(),
)
def test_it_is_torchs_convolution_and_pooling(num, channels, filters, size, height, width, last_in_memory, has_bias):
    shape = (num, channels, 2 * height + size - 1, 2 * width + size - 1)
    images, weight, bias = random(shape, (filters, channels, size, size), (filters,))
    given_images = images.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2) if last_in_memory else images
    learned = [images, weight, bias] if has_bias else [images, weight]
    ours, theirs = (
        layer(x, weight, bias if has_bias else None)
        for layer, x in ((conv_max_pool2d, given_images), (in_torch, images))
    )
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(theirs)
    gradients = [torch.autograd.grad(maps, learned, direction) for maps in (ours, theirs)]
    for our_gradient, their_gradient in zip(*gradients, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient)


def test_its_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(conv_max_pool2d, random((2, 2, 8, 6), (3, 2, 3, 3), (3,)))


def test_a_batch_of_many_tiles_is_whole():
    images, weight, bias = random((2 * TILE_IMAGES + 3, 1, 8, 8), (2, 1, 3, 3), (2,))
    ours, theirs = conv_max_pool2d(images, weight, bias), in_torch(images, weight, bias)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(theirs)
    for pair in zip(*(torch.autograd.grad(maps, [images, weight], direction) for maps in (ours, theirs)), strict=True):
        torch.testing.assert_close(*pair)


def test_an_activation_may_work_in_place():
    images, weight, bias = random((8, 1, 8, 8), (2, 1, 3, 3), (2,))
    gradients = []
    for layer in (conv_max_pool2d, in_torch):
        loss = functional.relu(layer(images, weight, bias), inplace=layer is conv_max_pool2d).sum()
        gradients.append(torch.autograd.grad(loss, weight)[0])
    torch.testing.assert_close(*gradients)


def test_it_learns_after_a_first_call_in_inference_mode():
    images, weight, bias = random((8, 3, 8, 22), (2, 3, 3, 3), (2,))  # a size of no other test: its tables are new
    with torch.inference_mode():
        conv_max_pool2d(images, weight, bias)
    ours, theirs = (layer(images, weight, bias).sum() for layer in (conv_max_pool2d, in_torch))
    inputs = [images, weight, bias]
    for pair in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True):
        torch.testing.assert_close(*pair)


def test_a_second_derivative_is_refused():
    images, weight, bias = random((8, 1, 8, 8), (2, 1, 3, 3), (2,))
    (gradient,) = torch.autograd.grad(conv_max_pool2d(images, weight, bias).square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient.sum().backward()


def test_of_equal_pixels_the_first_gets_the_gradient():
    images = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    conv_max_pool2d(images, weight, bias).sum().backward()
    assert images.grad is not None
    assert torch.equal(images.grad[0, 0].nonzero(), torch.tensor([[0, 0], [0, 2], [2, 0], [2, 2]]))


def test_of_nan_pixels_the_maximum_is_nan():
    images = torch.full((8, 1, 6, 6), torch.nan)
    assert conv_max_pool2d(images, torch.ones(1, 1, 3, 3), torch.zeros(1)).isnan().all()


class Counting:
    """Counts the calls of the fused product."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0

        def counted(*args: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return conv_max_pool2d(*args)

        monkeypatch.setattr("cnnlab.nn.conv_pool.conv_max_pool2d", counted)


MAX = nn.MaxPool2d(2)
PLAIN = nn.Conv2d(1, 3, 5)


@pytest.mark.parametrize(
    ("conv", "pool", "images"),
    [
        (PLAIN, nn.AvgPool2d(2), torch.randn(16, 1, 28, 28)),
        (PLAIN, nn.MaxPool2d(3), torch.randn(16, 1, 28, 28)),
        (PLAIN, nn.MaxPool2d(2, stride=1), torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, padding=2), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, stride=2), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5, dilation=2), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, 4), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(1, 3, (3, 5)), MAX, torch.randn(16, 1, 28, 28)),
        (nn.Conv2d(2, 2, 5, groups=2), MAX, torch.randn(16, 2, 28, 28)),
        (PLAIN, MAX, torch.randn(16, 1, 27, 28)),
        (PLAIN, MAX, torch.randn(MIN_IMAGES - 1, 1, 28, 28)),
        (nn.Conv2d(1, 3, 5).bfloat16(), MAX, torch.randn(16, 1, 28, 28).bfloat16()),
    ],
)
def test_what_it_was_not_made_for_is_left_to_torch(monkeypatch: pytest.MonkeyPatch, conv, pool, images):
    counting = Counting(monkeypatch)
    torch.testing.assert_close(ConvPool(conv, pool)(images), pool(conv(images)))
    assert counting.calls == 0


def test_it_takes_what_it_was_made_for(monkeypatch: pytest.MonkeyPatch):
    counting, layer, images = Counting(monkeypatch), ConvPool(PLAIN, MAX), torch.randn(16, 1, 28, 28)
    torch.testing.assert_close(layer(images), MAX(PLAIN(images)))
    assert counting.calls == 1
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(images).dtype == torch.bfloat16
    assert torch.export.export(layer, (images,)).module()(images).shape == (16, 3, 12, 12)
    assert counting.calls == 1


HOOKS = ("forward_pre_hook", "forward_hook", "full_backward_pre_hook", "full_backward_hook", "backward_hook")


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
