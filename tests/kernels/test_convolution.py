"""Our convolution against torch's, and against finite differences."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab import kernels
from cnnlab.kernels.convolution import MIN_IMAGES

pytestmark = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")


def in_torch(
    images: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, padding: int = 0, *, is_pooled: bool = False
) -> torch.Tensor:
    maps = functional.conv2d(images, weight, bias, padding=padding)
    return functional.max_pool2d(maps, 2) if is_pooled else maps


def random(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype, requires_grad=True) for shape in shapes]


LAYOUTS = {
    "NCHW": lambda images: images,
    "NHWC": lambda images: images.contiguous(memory_format=torch.channels_last),
    "CHWN": lambda images: images.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "a part of larger images": lambda images: functional.pad(images, (1, 2, 2, 1))[:, :, 2:-1, 1:-2],
}


@settings(deadline=None, max_examples=200)
@given(
    num=st.integers(1, 40),
    channels=st.integers(1, 12),
    filters=st.integers(1, 12),
    size=st.sampled_from([3, 5]),
    padding=st.integers(0, 4),
    is_pooled=st.booleans(),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    layout=st.sampled_from(sorted(LAYOUTS)),
    has_bias=st.booleans(),
    learns=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    threads=st.integers(1, 3),
)
def test_it_is_torchs_convolution_and_pooling(
    num,
    channels,
    filters,
    size,
    padding,
    is_pooled,
    height,
    width,
    layout,
    has_bias,
    learns,
    dtype,
    threads,
):
    assume(padding < size and min(height, width) + 2 * padding > size)
    images, weight, bias = random(
        (num, channels, height, width), (filters, channels, size, size), (filters,), dtype=dtype
    )
    images.requires_grad_(learns)
    learned = [each for each in (images, weight, bias if has_bias else None) if each is not None and each.requires_grad]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, theirs = (
            convolve(x, weight, bias if has_bias else None, padding, is_pooled=is_pooled)
            for convolve, x in ((kernels.conv2d, LAYOUTS[layout](images)), (in_torch, images))
        )
        tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-10}
        torch.testing.assert_close(ours, theirs, **tolerance)
        direction = torch.randn_like(theirs)
        gradients = [torch.autograd.grad(maps, learned, direction) for maps in (ours, theirs)]
    finally:
        torch.set_num_threads(before)
    for our_gradient, their_gradient in zip(*gradients, strict=True):
        torch.testing.assert_close(our_gradient, their_gradient, **{**tolerance, "atol": 20 * tolerance["atol"]})


@settings(deadline=None, max_examples=40)
@given(
    num=st.integers(1, 40),
    channels=st.sampled_from([16, 20, 33, 64]),
    filters=st.sampled_from([16, 29, 32, 70]),
    padding=st.integers(0, 2),
    height=st.integers(4, 15),
    width=st.integers(4, 15),
    layout=st.sampled_from(sorted(LAYOUTS)),
    learns=st.booleans(),
    threads=st.integers(1, 3),
)
def test_winograds_products_are_the_same_convolution(
    num, channels, filters, padding, height, width, layout, learns, threads
):
    images, weight, bias = random((num, channels, height, width), (filters, channels, 3, 3), (filters,))
    images.requires_grad_(learns)
    learned = [images, weight, bias] if learns else [weight, bias]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, theirs = (
            kernels.conv2d(LAYOUTS[layout](images), weight, bias, padding),
            in_torch(images, weight, bias, padding),
        )
        direction = torch.randn_like(theirs)
        gradients = [torch.autograd.grad(maps, learned, direction) for maps in (ours, theirs)]
        in_float = [each.detach().float().requires_grad_(each.requires_grad) for each in (images, weight, bias)]
        rough = kernels.conv2d(*in_float, padding)
        rough_gradients = torch.autograd.grad(rough, in_float if learns else in_float[1:], direction.float())
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    assert (rough - theirs).abs().max() < 3e-5 * theirs.abs().max()
    for our, their, in_single in zip(*gradients, rough_gradients, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-10)
        assert (in_single - their).abs().max() < 1e-4 * their.abs().max()


@pytest.mark.parametrize("is_pooled", [False, True])
@pytest.mark.parametrize(("size", "padding"), [(3, 0), (3, 1), (5, 2)])
def test_its_gradients_are_those_of_finite_differences(size: int, padding: int, is_pooled: bool):
    def convolve(*inputs: torch.Tensor) -> torch.Tensor:
        return kernels.conv2d(*inputs, padding, is_pooled=is_pooled)

    inputs = random((2, 2, 6, 7), (3, 2, size, size), (3,))
    assert torch.autograd.gradcheck(convolve, inputs)
    assert torch.autograd.gradgradcheck(convolve, inputs)


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("num", [64, 40, 500])
def test_the_number_of_threads_does_not_change_a_bit(num: int, size: int):
    images, weight, bias = random((num, 30, 10, 10), (32, 30, size, size), (32,), dtype=torch.float32)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 7, 64):
            torch.set_num_threads(threads)
            maps = kernels.conv2d(images, weight, bias, is_pooled=size == 5)
            found.append((maps, *torch.autograd.grad(maps.square().sum(), (images, weight, bias))))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


def test_the_result_has_the_batch_innermost():
    images, weight, bias = random((MIN_IMAGES, 2, 8, 8), (3, 2, 3, 3), (3,))
    assert kernels.conv2d(images, weight, bias).permute(1, 2, 3, 0).is_contiguous()


def test_an_activation_may_work_in_place():
    images, weight, bias = random((8, 1, 8, 8), (2, 1, 3, 3), (2,))
    gradients = []
    for convolve in (kernels.conv2d, in_torch):
        loss = functional.relu(convolve(images, weight, bias), inplace=convolve is kernels.conv2d).sum()
        gradients.append(torch.autograd.grad(loss, weight)[0])
    torch.testing.assert_close(*gradients)


def test_it_learns_after_a_first_call_in_inference_mode():
    images, weight, bias = random((8, 3, 8, 22), (2, 3, 3, 3), (2,))  # a size of no other test
    with torch.inference_mode():
        kernels.conv2d(images, weight, bias, is_pooled=True)
    ours, theirs = (convolve(images, weight, bias, is_pooled=True).sum() for convolve in (kernels.conv2d, in_torch))
    inputs = [images, weight, bias]
    for pair in zip(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs), strict=True):
        torch.testing.assert_close(*pair)


def test_of_equal_pixels_the_first_gets_the_gradient():
    images = torch.zeros(1, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    weight[0, 0, 0, 0] = 1
    kernels.conv2d(images, weight, None, is_pooled=True).sum().backward()
    assert images.grad is not None
    assert torch.equal(images.grad[0, 0].nonzero(), torch.tensor([[0, 0], [0, 2], [2, 0], [2, 2]]))


@pytest.mark.parametrize("where", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_nan_pixel_wins_in_its_windows_alone(where: tuple[int, int]):
    images = torch.randn(20, 1, 8, 8)
    images[3, 0, 2 + where[0], 2 + where[1]] = torch.nan
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = 1
    ours, theirs = (convolve(images, weight, None, 1, is_pooled=True) for convolve in (kernels.conv2d, in_torch))
    torch.testing.assert_close(ours, theirs, equal_nan=True)


def test_infinite_weights_become_nan_or_infinite_as_in_torch():
    images, weight = torch.randn(16, 1, 8, 8), torch.randn(2, 1, 3, 3)
    weight[0, 0, 1, 1] = torch.inf
    ours, theirs = (convolve(images, weight, None) for convolve in (kernels.conv2d, in_torch))
    torch.testing.assert_close(ours, theirs, equal_nan=True, rtol=1e-4, atol=1e-4)
