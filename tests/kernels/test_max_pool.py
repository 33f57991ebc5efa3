"""Our max pooling against torch's, and against finite differences."""

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
    channels=st.integers(1, 5),
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    layout=st.sampled_from(sorted(LAYOUTS)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    has_nan=st.booleans(),
    levels=st.sampled_from([2.0, 1e6]),
)
def test_it_is_torchs(num, channels, height, width, layout, dtype, has_nan, levels):
    (images,) = random((num, channels, height, width), dtype=dtype)
    with torch.no_grad():
        images.mul_(levels).round_()  # few levels: many are equal
        if has_nan:
            images.view(-1)[:: images.numel() // 2 + 1] = torch.nan
    ours, theirs = kernels.max_pool2d(LAYOUTS[layout](images)), functional.max_pool2d(images, 2)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    direction = torch.randn_like(theirs)
    (our_gradient,), (their_gradient,) = (torch.autograd.grad(maps, images, direction) for maps in (ours, theirs))
    assert torch.equal(our_gradient, their_gradient)


def test_its_gradients_are_those_of_finite_differences():
    assert torch.autograd.gradcheck(kernels.max_pool2d, random((3, 2, 5, 4)))
    assert torch.autograd.gradgradcheck(kernels.max_pool2d, random((3, 2, 5, 4)))
