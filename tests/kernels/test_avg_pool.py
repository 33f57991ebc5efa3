"""Average pooling of images with the batch innermost against torch's, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cnnlab import kernels
from cnnlab.nn.pool import AvgPool2d
from tests.kernels.test_convolution import LAYOUTS, random


@settings(deadline=None, max_examples=50)
@given(
    num=st.integers(1, 40),
    channels=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    layout=st.sampled_from(sorted(LAYOUTS)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_it_is_torchs_bit_for_bit(num, channels, height, width, layout, dtype):
    (images,) = random((num, channels, 2 * height, 2 * width), dtype=dtype)
    ours, theirs = kernels.avg_pool2d(LAYOUTS[layout](images)), functional.avg_pool2d(images, 2)
    assert torch.equal(ours, theirs)
    direction = torch.randn_like(theirs)
    (our_gradient,), (their_gradient,) = (torch.autograd.grad(maps, images, direction) for maps in (ours, theirs))
    assert torch.equal(our_gradient, their_gradient)


def test_the_batch_stays_innermost():
    (images,) = random((8, 3, 6, 4))
    maps = kernels.avg_pool2d(LAYOUTS["CHWN"](images))
    (gradient,) = torch.autograd.grad(maps.sum(), images)
    assert kernels.is_batch_innermost(maps)
    assert kernels.is_batch_innermost(gradient)


def test_its_gradients_are_those_of_finite_differences():
    assert torch.autograd.gradcheck(kernels.avg_pool2d, random((3, 2, 6, 4)))
    assert torch.autograd.gradgradcheck(kernels.avg_pool2d, random((3, 2, 6, 4)))


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"kernel_size": 2}, (16, 3, 5, 4)),
        ({"kernel_size": 2}, (16, 3, 4, 7)),
        ({"kernel_size": 3}, (16, 3, 6, 6)),
        ({"kernel_size": 2, "stride": 1}, (16, 3, 6, 6)),
        ({"kernel_size": 2, "padding": 1}, (16, 3, 6, 6)),
        ({"kernel_size": 2, "divisor_override": 3}, (16, 3, 6, 6)),
        ({"kernel_size": (2, 2), "stride": (2, 2)}, (16, 3, 6, 6)),
    ],
)
def test_the_layer_is_torchs_with_any_arguments(arguments, shape):
    (images,) = random(shape)
    images = images.detach().permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    assert torch.equal(AvgPool2d(**arguments)(images), torch.nn.AvgPool2d(**arguments)(images))


def test_an_image_that_is_too_small_is_explained_by_torch():
    with pytest.raises(RuntimeError, match="too small"):
        AvgPool2d(2)(torch.randn(16, 2, 1, 1))
