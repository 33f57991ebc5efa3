"""Intervals for new images and new seeds hold the truth as often as they say, in simulated worlds."""

import pytest

from cnnlab.report.inference.image_simulation import WORLDS, simulate_images


@pytest.mark.parametrize("world", WORLDS)
def test_intervals_for_new_images_and_seeds_hold_the_truth(world: str):
    found = simulate_images(WORLDS[world], num_seeds=5, repetitions=250, seed=1, num_configurations=4, num_images=500)
    assert 0.93 <= found.moderated <= 0.99  # 1,500 pairs that share runs
    assert 0.92 <= found.pair <= 1.0


def test_intervals_for_one_test_set_say_nothing_about_new_images():
    world = WORLDS["images differ most"]
    found = simulate_images(world, num_seeds=5, repetitions=60, seed=1, num_configurations=3, num_images=500)
    assert found.this_test_set < 0.7


def test_the_worlds_are_as_accurate_as_networks_for_mnist():
    found = [simulate_images(world, 2, repetitions=5, seed=0, num_images=200).accuracy for world in WORLDS.values()]
    assert all(0.8 < accuracy < 0.99 for accuracy in found)
