"""Our batch normalisation against torch's, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab import kernels
from tests.kernels.test_convolution import LAYOUTS, random

pytestmark = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")


@settings(deadline=None, max_examples=100)
@given(
    num=st.integers(1, 40),
    channels=st.integers(1, 9),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    layout=st.sampled_from(sorted(LAYOUTS)),
    is_rectified=st.booleans(),
    has_weight=st.booleans(),
    offset=st.sampled_from([0.0, 100.0]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    threads=st.integers(1, 3),
)
def test_it_is_torchs(num, channels, height, width, layout, is_rectified, has_weight, offset, dtype, threads):
    if num * height * width == 1:
        return  # no variance: torch refuses it
    images, weight, bias = random((num, channels, height, width), (channels,), (channels,), dtype=dtype)
    learned = [images, weight, bias] if has_weight else [images]
    weight, bias = (weight, bias) if has_weight else (None, None)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, mean, variance = kernels.batch_norm(
            LAYOUTS[layout](images + offset), weight, bias, 1e-5, is_rectified=is_rectified
        )
        theirs = functional.batch_norm(images + offset, None, None, weight, bias, training=True)
        theirs = functional.relu(theirs) if is_rectified else theirs
        tolerance = {"rtol": 1e-3, "atol": 1e-3} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
        torch.testing.assert_close(ours, theirs, **tolerance)
        direction = torch.randn_like(theirs)
        gradients = [torch.autograd.grad(maps, learned, direction) for maps in (ours, theirs)]
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(mean, (images + offset).mean((0, 2, 3)), **tolerance)
    torch.testing.assert_close(variance, (images + offset).var((0, 2, 3), correction=0), **tolerance)
    if offset == 0 or dtype == torch.float64:
        for ours, theirs in zip(*gradients, strict=True):
            scale = max(1.0, theirs.abs().max().item())
            torch.testing.assert_close(ours / scale, theirs / scale, **tolerance)


@pytest.mark.parametrize("is_rectified", [False, True])
def test_its_gradients_are_those_of_finite_differences(is_rectified: bool):
    def normalise(*inputs: torch.Tensor) -> torch.Tensor:
        return kernels.batch_norm(*inputs, 1e-5, is_rectified=is_rectified)[0]

    inputs = random((5, 2, 3, 2), (2,), (2,))
    assert torch.autograd.gradcheck(normalise, inputs)
    assert torch.autograd.gradgradcheck(normalise, inputs)


def test_the_number_of_threads_does_not_change_a_bit():
    images, weight, bias = random((50, 9, 7, 7), (9,), (9,), dtype=torch.float32)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            normalised, mean, variance = kernels.batch_norm(images, weight, bias, 1e-5, is_rectified=True)
            gradients = torch.autograd.grad(normalised.square().sum(), (images, weight, bias))
            found.append((normalised, mean, variance, *gradients))
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


def test_a_nan_is_not_lost():
    images = torch.randn(20, 2, 4, 4)
    images[3, 1, 2, 2] = torch.nan
    normalised, _, _ = kernels.batch_norm(images, None, None, 1e-5, is_rectified=True)
    assert normalised[:, 1].isnan().all()
    assert not normalised[:, 0].isnan().any()
