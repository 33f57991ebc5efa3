"""The lecture's convolution, as torch computes it."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional


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
