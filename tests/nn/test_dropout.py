"""Dropout with our masks against its definition."""

import pytest
import torch
from torch import nn

from cnnlab import kernels
from cnnlab.nn.dropout import Dropout, Dropout2d

pytestmark = pytest.mark.skipif(not kernels.available(), reason="there is no C compiler")
M32 = 0xFFFFFFFF


def philox(counter: int, key: int) -> list[int]:
    """Philox4x32-10, written from Salmon et al. 2011."""
    words, keys = [counter & M32, counter >> 32, 0, 0], [key & M32, key >> 32]
    for _ in range(10):
        first, second = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [(second >> 32) ^ words[1] ^ keys[0], second & M32, (first >> 32) ^ words[3] ^ keys[1], first & M32]
        keys = [(keys[0] + 0x9E3779B9) & M32, (keys[1] + 0xBB67AE85) & M32]
    return words


def test_the_reference_is_philox():
    known = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # the authors' known answer to zeros
    assert philox(0, 0) == known


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_mask_is_made_of_philoxs_numbers(p: float, dtype: torch.dtype):
    lanes, count = 16, 150  # the numbers of 16 counters are stored word by word
    torch.manual_seed(3)
    mask = kernels.dropout_mask(torch.empty(count, dtype=dtype), p)
    torch.manual_seed(3)
    key = int(torch.empty((), dtype=torch.int64).random_())
    words = [[philox(counter, key) for counter in range(start, start + lanes)] for start in range(0, count, lanes)]
    numbers = [of_counter[word] for block in words for word in range(4) for of_counter in block][:count]
    scale = 1 / (1 - p) if p < 1 else 0.0
    expected = torch.tensor([0.0 if number < p * 2**32 else scale for number in numbers], dtype=dtype)
    assert torch.equal(mask, expected)


def test_masks_are_functions_of_the_generators_state():
    masks = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        masks.append([kernels.dropout_mask(torch.empty(64, 50), 0.5) for _ in range(2)])
    (first, second), (other, _), again = masks
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)
    assert all(torch.equal(*pair) for pair in zip(masks[0], again, strict=True))


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_its_share_of_zeros_is_p_and_its_mean_is_kept(p: float):
    torch.manual_seed(0)
    features = torch.ones(1000, 1000)
    dropped = Dropout(p)(features)
    assert abs((dropped == 0).double().mean().item() - p) < 5 * (p * (1 - p) / 1e6) ** 0.5
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}


def test_whole_maps_are_dropped_in_any_layout():
    maps = torch.ones(50, 40, 3, 3)
    for layout in (
        maps,
        maps.contiguous(memory_format=torch.channels_last),
        maps.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    ):
        dropped = Dropout2d(0.5)(layout)
        assert dropped.stride() == layout.stride()
        assert torch.equal(dropped, dropped[:, :, :1, :1].expand_as(dropped))
        assert set(dropped.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("layer", [Dropout(0.5), Dropout2d(0.5)])
def test_the_gradient_is_that_of_what_was_kept(layer: nn.Module):
    maps = torch.randn(20, 8, 4, 4, requires_grad=True)
    dropped = layer(maps)
    dropped.sum().backward()
    assert torch.equal(maps.grad, 2.0 * (dropped != 0))
    assert layer.eval()(maps) is maps


@pytest.mark.parametrize("layer", [Dropout(0.5), Dropout2d(0.5)])
def test_transforms_are_left_to_torch(layer: nn.Module):
    maps = torch.ones(20, 8, 4, 4)
    theirs = nn.functional.dropout(maps) if type(layer) is Dropout else nn.functional.dropout2d(maps)
    assert theirs.shape == layer(maps).shape
    gradient = torch.func.grad(lambda x: layer(x).sum())(maps)
    assert set(gradient.unique().tolist()) == {0.0, 2.0}
    each = torch.func.vmap(layer, randomness="different")(maps.unsqueeze(0).expand(3, -1, -1, -1, -1))
    assert not torch.equal(each[0], each[1])


def test_torchs_own_is_used_if_chosen():
    torch.manual_seed(0)
    theirs = nn.Dropout(0.5)(torch.ones(100))
    kernels.choose("torch")
    try:
        torch.manual_seed(0)
        assert torch.equal(Dropout(0.5)(torch.ones(100)), theirs)
    finally:
        kernels.choose("auto")
