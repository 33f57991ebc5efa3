import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.data import EpochShuffle, RandomAffine, ShuffledBatches

EMPTY = -0.5


def a_dot(height: int = 28, width: int = 28, y: float = 13.5, x: float = 13.5) -> torch.Tensor:
    """One image with a round dot of brightness, background EMPTY."""
    rows, columns = torch.arange(height).view(-1, 1) - y, torch.arange(width).view(1, -1) - x
    return (torch.exp(-(rows**2 + columns**2) / 8) + EMPTY)[None, None]


def centre(image: torch.Tensor) -> tuple[float, float]:
    weight = image[0] - EMPTY
    rows, columns = torch.arange(image.shape[1]).view(-1, 1), torch.arange(image.shape[2]).view(1, -1)
    return ((weight * rows).sum() / weight.sum()).item(), ((weight * columns).sum() / weight.sum()).item()


def moved(augmentation: RandomAffine, images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return augmentation(images, EMPTY, torch.Generator().manual_seed(seed))


def test_nothing_moves_by_nothing():
    images = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    # a coordinate's rounding error, 1e-6 pixels and more, times the difference of two neighbours
    torch.testing.assert_close(moved(RandomAffine(), images), images, atol=1e-4, rtol=0)


@settings(deadline=None)
@given(shift=st.integers(1, 4), seed=st.integers(0, 50))
def test_a_shift_stays_in_its_range_and_is_an_images_own(shift: int, seed: int):
    images = a_dot().expand(64, 1, 28, 28)
    places = torch.tensor([centre(image) for image in moved(RandomAffine(shift_px=shift), images, seed)]) - 13.5
    assert places.abs().max() <= shift + 0.05
    assert places.std(dim=0).min() > 0.3 * shift  # uniform in ±shift has 0.58


def test_a_rotation_turns_about_the_centre_by_at_most_its_angle():
    images = a_dot(y=13.5, x=20.5).expand(200, 1, 28, 28)
    places = torch.tensor([centre(image) for image in moved(RandomAffine(degrees=30), images)]) - 13.5
    angles = torch.rad2deg(torch.atan2(places[:, 0], places[:, 1]))
    assert torch.allclose(places.norm(dim=1), torch.full((200,), 7.0), atol=0.1)
    assert angles.min() < -20
    assert angles.max() > 20
    assert angles.abs().max() < 30.5


def test_a_scale_moves_points_from_the_centre_by_at_most_its_factor():
    images = a_dot(y=13.5, x=20.5).expand(200, 1, 28, 28)
    places = torch.tensor([centre(image) for image in moved(RandomAffine(scale=0.2), images)]) - 13.5
    assert places[:, 0].abs().max() < 0.1
    assert 7 * 0.8 - 0.1 < places[:, 1].min() < 7 * 0.85
    assert 7 * 1.15 < places[:, 1].max() < 7 * 1.2 + 0.1


def test_a_shear_moves_rows_in_proportion_to_their_height():
    images = a_dot(y=20.5, x=13.5).expand(200, 1, 28, 28)
    places = torch.tensor([centre(image) for image in moved(RandomAffine(shear_degrees=20), images)]) - 13.5
    bound = 7 * math.tan(math.radians(20))
    assert places[:, 0].sub(7).abs().max() < 0.1
    assert 0.9 * bound < places[:, 1].abs().max() < bound + 0.1


def test_what_comes_in_from_outside_is_background():
    full = torch.ones(16, 1, 28, 28)
    assert moved(RandomAffine(shift_px=8), full).amin(dim=(1, 2, 3)).lt(0).any()
    assert torch.allclose(moved(RandomAffine(degrees=45, shift_px=8), torch.full((16, 1, 28, 28), EMPTY)), full * EMPTY)


@pytest.mark.parametrize("world_size", [1, 2])
def test_it_is_a_function_of_seed_epoch_and_batch(world_size: int):
    images, labels = a_dot().expand(40, 1, 28, 28), torch.arange(40)

    def an_epoch(seed: int, epoch: int, rank: int = 0, first: int = 0) -> list[torch.Tensor]:
        order = EpochShuffle(seed, 40)
        order.set_epoch(epoch)
        batches = ShuffledBatches(images, labels, 8, order, rank, world_size, RandomAffine(shift_px=2), EMPTY)
        if first:
            batches.load_state_dict({"epoch": epoch, "next_batch": first})
        return [batch for batch, _ in batches]

    whole = an_epoch(3, 1)
    torch.manual_seed(99)
    assert all(map(torch.equal, an_epoch(3, 1), whole))
    assert all(map(torch.equal, an_epoch(3, 1, first=2), whole[2:]))
    assert not torch.equal(whole[0], whole[1])
    for other in (an_epoch(3, 2), an_epoch(4, 1), an_epoch(3, 1, rank=1) if world_size > 1 else an_epoch(5, 1)):
        assert not torch.equal(other[0], whole[0])
