from collections.abc import Callable

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from cnnlab.nn.pool import MaxPool2d
from tests.conftest import REPOSITORY


def upper_left(windows: torch.Tensor) -> torch.Tensor:
    return windows[..., 0, 0]


REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "avg": lambda windows: windows.mean(dim=(-2, -1)),
    "max": lambda windows: windows.amax(dim=(-2, -1)),
    "stride": upper_left,
}


@pytest.mark.parametrize("option", sorted(REDUCTIONS))
@pytest.mark.parametrize("innermost", ["columns", "batch"])
def test_each_option_reduces_windows_of_2x2_pixels(option: str, innermost: str):
    images = torch.randn(3, 2, 8, 6, generator=torch.Generator().manual_seed(0))
    windows = images.unflatten(2, (4, 2)).unflatten(4, (3, 2)).transpose(3, 4)
    if innermost == "batch":
        images = images.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    pool = instantiate(OmegaConf.load(REPOSITORY / "conf" / "pool" / f"{option}.yaml"))()
    torch.testing.assert_close(pool(images), REDUCTIONS[option](windows))


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
def test_windows_of_one_pixel_are_torchs_with_any_stride_and_size(stride: int | tuple[int, int], ceil_mode: bool):
    ours, theirs = (layer(1, stride, ceil_mode=ceil_mode) for layer in (MaxPool2d, nn.MaxPool2d))
    for size in range(1, 9):
        images = torch.randn(2, 3, size, 9 - size, requires_grad=True)
        assert torch.equal(ours(images), theirs(images))
        gradients = [torch.autograd.grad(layer(images).sin().sum(), images)[0] for layer in (ours, theirs)]
        assert torch.equal(*gradients)
    assert torch.equal(ours(images[0].detach()), theirs(images[0].detach()))  # without a batch


def test_each_option_is_tested():
    assert {path.stem for path in (REPOSITORY / "conf" / "pool").glob("*.yaml")} == set(REDUCTIONS)
