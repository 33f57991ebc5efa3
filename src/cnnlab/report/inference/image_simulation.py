"""How often intervals for new images and new seeds hold the truth: simulated networks on simulated images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cnnlab.report.inference.differences import Estimate, all_pairs, interval, num_independent, paired_estimate
from cnnlab.report.inference.images import REPLICATES, new_images_and_seeds, pigeonhole_means
from cnnlab.report.inference.moderation import scatters_alike

Right = NDArray[np.bool_]

BOOTSTRAPPED = 300  # of the repetitions: it is slow


@dataclass(frozen=True)
class World:
    """What simulated networks answer: how likely each is right on an image, in logits.

    All configurations are equally good on average over images and seeds, so that every true difference is 0.

    Attributes:
        mean: Of all.
        difficulty: Deviation over images, the same for all configurations.
        image: Deviation over images of each configuration's own part.
        seed: Deviation over seeds of each network's own part.
    """

    mean: float
    difficulty: float
    image: float
    seed: float

    def draw(self, num_configurations: int, num_seeds: int, num_images: int, generator: np.random.Generator) -> Right:
        """Whether the networks are right: (configurations, seeds, images).

        Args:
            num_configurations: How many configurations.
            num_seeds: How many networks of each.
            num_images: How many images, the same for all.
            generator: The source of chance.
        """
        logits = self.mean + self.difficulty * generator.standard_normal(num_images)
        own = logits + self.image * generator.standard_normal((num_configurations, 1, num_images))
        networks = self.seed * generator.standard_normal((num_configurations, num_seeds, 1))
        chance = generator.random((num_configurations, num_seeds, num_images), dtype=np.float32)
        right: Right = chance < expit((own + networks).astype(np.float32))
        return right


WORLDS = {
    "images differ most": World(mean=18, difficulty=9, image=7, seed=0.1),
    "independent errors": World(mean=5, difficulty=2.5, image=0, seed=0),
    "seeds differ most": World(mean=5, difficulty=2.5, image=0.2, seed=0.7),
    "86 % accuracy": World(mean=3.6, difficulty=3, image=0.7, seed=0.2),
}


@dataclass(frozen=True)
class Coverage:
    """Shares of 95 % intervals that hold the true difference, for new images and new seeds.

    Attributes:
        accuracy: Of the networks, on average.
        pair: Of a report on two configurations.
        moderated: Of a report on more, whose variances are moderated.
        this_test_set: The intervals for new seeds on the same images, of more configurations: too small by what images
            do.
        bootstrap: Percentiles of the pigeonhole bootstrap.
    """

    accuracy: float
    pair: float
    moderated: float
    this_test_set: float
    bootstrap: float


def simulate_images(
    world: World, num_seeds: int, repetitions: int, seed: int, num_configurations: int = 6, num_images: int = 1_000
) -> Coverage:
    """Compares all pairs of the configurations of each simulated sweep, as a report does.

    Args:
        world: What the networks answer.
        num_seeds: Of each configuration.
        repetitions: The number of sweeps.
        seed: Of the random numbers.
        num_configurations: Of a sweep; `pair` is about its first two.
        num_images: On which they are tested.
    """
    generator = np.random.default_rng(seed)
    accuracies, pair, moderated, narrow, bootstrap = [], [], [], [], []
    for repetition in range(repetitions):
        right = world.draw(num_configurations, num_seeds, num_images, generator)
        accuracies.append(right.mean())
        estimate = compare_networks(right)
        moderated += _held(right, estimate)
        low, high = interval(estimate)
        narrow += ((low <= 0) & (high >= 0)).tolist()
        pair += _held(right[:2], compare_networks(right[:2]))
        if repetition < BOOTSTRAPPED:
            means = pigeonhole_means(right[0], right[1], seed=repetition, replicates=REPLICATES // 4)
            low, high = np.quantile(means, (0.025, 0.975))
            bootstrap.append(low <= 0 <= high)
    return Coverage(*(float(np.mean(each)) for each in (accuracies, pair, moderated, narrow, bootstrap)))


def compare_networks(right: Right) -> Estimate:
    """The differences of all pairs' accuracies by seed, with moderated variances.

    Args:
        right: Whether the networks are right, (configurations, seeds, images).
    """
    accuracies = right.mean(axis=-1)
    first, second = all_pairs(len(right))
    differences = accuracies[first] - accuracies[second]
    num_seeds = right.shape[1]
    alike = scatters_alike(accuracies.var(axis=-1, ddof=1), num_seeds - 1)
    variances = differences.var(axis=-1, ddof=1)
    return paired_estimate(
        differences.mean(axis=-1), variances, num_seeds, num_independent(first, second), alike[first] & alike[second]
    )


def _held(right: Right, estimate: Estimate) -> list[bool]:
    """Of each pair, whether its interval holds the true difference, which is 0."""
    held = []
    for index, (first, second) in enumerate(zip(*all_pairs(len(right)), strict=True)):
        seeds = Estimate(*(part[index] for part in estimate))
        low, high = new_images_and_seeds(right[first], right[second], seeds)
        held.append(low <= 0 <= high)
    return held
