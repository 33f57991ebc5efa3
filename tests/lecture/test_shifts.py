import math

import torch
from torch import nn

from cnnlab.lecture.shifts import accuracies, convolutional_part, moved, relative_change, views


def a_dot(row: int, column: int) -> torch.Tensor:
    image = torch.full((1, 1, 6, 8), -1.0)
    image[0, 0, row, column] = 5.0
    return image


def test_a_pixel_moves_and_what_comes_from_outside_is_background():
    assert torch.equal(moved(a_dot(2, 3), 2, 0, -1.0), a_dot(4, 3))
    assert torch.equal(moved(a_dot(2, 3), -1, 2, -1.0), a_dot(1, 5))
    assert torch.equal(moved(a_dot(2, 3), 0, -4, -1.0), torch.full((1, 1, 6, 8), -1.0))


def test_the_four_views_are_the_four_neighbours():
    found = {tuple(view.flatten().tolist()) for view in views(a_dot(2, 3), 1, -1.0)}
    neighbours = [a_dot(1, 3), a_dot(3, 3), a_dot(2, 2), a_dot(2, 4)]
    assert found == {tuple(each.flatten().tolist()) for each in neighbours}
    assert [torch.equal(view, a_dot(2, 3)) for view in views(a_dot(2, 3), 0, -1.0)] == [True]


class IsInPlace(nn.Module):
    """Class 1 if pixel (2, 3) is lit, else 0."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        lit = images[:, 0, 2, 3]
        return torch.stack([torch.zeros_like(lit), lit], dim=1)


def test_the_accuracy_is_the_mean_over_directions():
    images = torch.cat([a_dot(2, 3), a_dot(2, 4)])
    labels = torch.tensor([1, 0])
    # moved by one: the first is lost four times of four, the second is mistaken for the first once of four
    assert accuracies(IsInPlace(), images, labels, -1.0, (0, 1)) == [1.0, 3 / 8]


def test_the_mean_of_a_map_does_not_change_and_its_pixels_do():
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images = nn.functional.pad(images, [2] * 4)
    assert relative_change(nn.AdaptiveAvgPool2d(1), images, 0.0) < 1e-6
    pixels, pooled = relative_change(nn.Flatten(), images, 0.0), relative_change(nn.AvgPool2d(4), images, 0.0)
    assert pixels > 2 * pooled > 0.1


def test_an_image_without_features_is_left_out_of_their_change():
    in_place, beside = (a_dot(2, column).clamp(0) for column in (3, 4))  # moved, the other has a feature, too
    assert relative_change(IsInPlace(), torch.cat([in_place, beside]), 0.0) == 1.0
    assert math.isnan(relative_change(IsInPlace(), beside, 0.0))


def test_the_convolutional_part_ends_before_flatten():
    network = nn.Module()
    network.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2), nn.Flatten())
    part = convolutional_part(network)
    assert [type(each) for each in part] == [nn.Conv2d, nn.ReLU]
