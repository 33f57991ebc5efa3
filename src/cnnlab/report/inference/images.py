"""Which of the differences between configurations are chance of the test images, and which of the seeds.

A mean difference over seeds holds for one test set. Two more questions need to know which images each network got
right: would *these networks* differ on *new images*, and would *new networks* (seeds) on *new images*? The functions
take whether the networks are right, (seeds, images), with the same seeds of both configurations in the same order.
Differences are fractions, as accuracies are.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnlab.report.inference.differences import Estimate
from cnnlab.report.inference.moderation import Array

REPLICATES = 2_000
CHUNK = 100  # replicates at a time, to bound the memory


def new_images(first: ArrayLike, second: ArrayLike) -> Estimate:
    """The difference of these networks on new images.

    Each image has one difference, its mean over the seeds; images are drawn independently, and there are thousands, so
    that their mean is normal.

    Args:
        first: Whether the networks of a configuration are right, (seeds, images).
        second: The same for another configuration.

    Returns:
        With infinite degrees of freedom: its `interval` is the normal one.
    """
    by_image = _differences(first, second).mean(axis=0, dtype=np.float64)
    error = by_image.std(ddof=1) / np.sqrt(len(by_image))
    return Estimate(by_image.mean(), np.asarray(error), np.asarray(np.inf))


def new_images_and_seeds(first: ArrayLike, second: ArrayLike) -> Estimate:
    """The difference of new networks on new images.

    The error of the mean of n seeds and N images is σ_s²/n + σ_i²/N + σ_si²/(n·N): seeds, images, and what is neither.
    The mean squares of the two-way layout estimate n·N times that, as MS_s + MS_i − MS_si. A component below 0 counts
    as 0, and the degrees of freedom are Satterthwaite's.

    The pigeonhole bootstrap has the last component three times, and with networks that err independently nearly all
    is in that one: see `pigeonhole_means`.

    Args:
        first: Whether the networks of a configuration are right, (seeds, images).
        second: The same for another configuration.

    Returns:
        Error and degrees of freedom are nan for a single seed, which says nothing about new ones.

    Reference:
        F. E. Satterthwaite, An approximate distribution of estimates of variance components, 1946.
    """
    differences = _differences(first, second)
    num_seeds, num_images = differences.shape
    mean = differences.mean(dtype=np.float64)
    if num_seeds < 2:
        return Estimate(mean, np.asarray(np.nan), np.asarray(np.nan))
    by_seed = differences.mean(axis=1, dtype=np.float64) - mean
    by_image = differences.mean(axis=0, dtype=np.float64) - mean
    seeds, images = num_images * np.sum(by_seed**2), num_seeds * np.sum(by_image**2)  # sums of squares
    total = np.sum(differences**2, dtype=np.float64) - differences.size * mean**2
    seeds_ms, images_ms = seeds / (num_seeds - 1), images / (num_images - 1)
    both_ms = max(total - seeds - images, 0.0) / ((num_seeds - 1) * (num_images - 1))
    own, images_ms = max(seeds_ms - both_ms, 0.0), max(images_ms, both_ms)
    variance = own + images_ms
    parts = images_ms**2 / (num_images - 1) + (seeds_ms**2 / (num_seeds - 1) if own > 0 else 0.0)
    df = variance**2 / parts if parts > 0 else num_images - 1.0
    return Estimate(mean, np.sqrt(variance / differences.size), np.asarray(df))


def pigeonhole_means(first: ArrayLike, second: ArrayLike, seed: int, replicates: int = REPLICATES) -> Array:
    """Bootstrap replicates of the mean difference, for new networks on new images: (replicates,).

    Seeds and images are drawn with replacement, apart from each other, and each pair of a drawn seed and a drawn image
    counts. The variance of the replicates is that of `new_images_and_seeds` with the last component three times, and
    that of the seeds (n − 1)/n times: with few seeds it is too large where networks err independently, and too small
    where seeds differ as a whole.

    Args:
        first: Whether the networks of a configuration are right, (seeds, images).
        second: The same for another configuration.
        seed: Of the random numbers.
        replicates: How many.

    Reference:
        A. B. Owen, The pigeonhole bootstrap, 2007.
    """
    differences = _differences(first, second)
    num_seeds, num_images = differences.shape
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=replicates)
    means: list[float] = []
    for start in range(0, replicates, CHUNK):
        of_images = weights[start : start + CHUNK].astype(np.float32) @ differences  # (replicates, images)
        drawn = generator.integers(num_images, size=of_images.shape, dtype=np.int32)
        means += [row[indices].mean(dtype=np.float64) for row, indices in zip(of_images, drawn, strict=True)]
    replicate_means: Array = np.array(means) / num_seeds
    return replicate_means


def predicted_deviation(probabilities: ArrayLike, num_seeds: int | None = None) -> float:
    """The standard deviation over seeds of test accuracy, if networks err independently: √Σp(1 − p)/N.

    p is the share of the networks trained with other seeds that get an image right. A network's own probability of the
    true class is no substitute: it is that share only if the networks are calibrated, which a trained one seldom is.
    If a deviation is far above the predicted one, seeds differ in more than the images that happen to be right.

    Args:
        probabilities: p of each image, (images,).
        num_seeds: If p is the share of this many networks, at least 2: p(1 − p) of n of them is too small by
            (n − 1)/n on average, which is corrected. None: p is exact.

    Returns:
        A fraction, as accuracies are.

    Reference:
        K. Jordan, On the variance of neural network training with respect to test sets and distributions, 2023,
        arXiv:2304.01910: the independent errors assumption.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    correction = 1.0 if num_seeds is None else num_seeds / (num_seeds - 1)
    variance = correction * np.sum(probabilities * (1 - probabilities))
    return float(np.sqrt(variance) / len(probabilities))


def _differences(first: ArrayLike, second: ArrayLike) -> NDArray[np.float32]:
    """1 where only the first network is right, −1 where only the second one is: (seeds, images)."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"shapes {first.shape} and {second.shape} differ; both need the same seeds and images")
    return first.astype(np.float32) - second.astype(np.float32)
