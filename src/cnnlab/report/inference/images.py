"""Which of the differences between configurations are chance of the test images, and which of the seeds.

A mean difference over seeds holds for one test set. Two more questions need to know which images each network got
right: would *these networks* differ on *new images*, and would *new networks* (seeds) on *new images*? The functions
take whether the networks are right, (seeds, images), with the same seeds of both configurations in the same order.
Differences are fractions, as accuracies are.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cnnlab.report.inference.differences import ALPHA, Estimate
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


def new_images_and_seeds(
    first: ArrayLike, second: ArrayLike, seeds: Estimate, alpha: float = ALPHA
) -> tuple[float, float]:
    """The interval of the difference of new networks on new images.

    A difference of seed s and image i is d = μ + S_s + I_i + E_si. Over n seeds and N images, its mean has the variance

        σ_S²/n + σ_I²/N + σ_E²/(n·N)  =  V/n + σ_I²/N,        V = σ_S² + σ_E²/N,

    where V is the variance over seeds of the accuracies' difference on a given test set: what the comparison has
    estimated, from all configurations if its variance is moderated, with ν degrees of freedom. What new images add is
    σ_I²/N, from the mean squares of the two-way layout: (MS_I − MS_E)/(n·N), or 0 if that is negative. It has about N
    degrees of freedom, so that its quantile is the normal one. The half-width joins both,

        h² = t_ν²·V/n + z²·σ_I²/N,

    which is exact where one of them is zero, and a little too wide between. So no interval for new seeds on this test
    set is wider than this one. Nor is one for new images and these networks, z²·MS_I/(n·N): V/n is at least σ_E²/(n·N),
    and where the seeds happen to scatter less than that, z²·MS_E/(n·N) stands for the first part. (Satterthwaite's
    degrees of freedom would let the interval shrink where images add little to few seeds.)

    The pigeonhole bootstrap has the variance of E three times, and with networks that err independently nearly all is
    in that one: see `pigeonhole_means`.

    Args:
        first: Whether the networks of a configuration are right, (seeds, images), of two seeds or more.
        second: The same for another configuration.
        seeds: The comparison of their accuracies on these images: `difference`, `error` √(V/n) and `df` ν.
        alpha: One minus the coverage.

    Returns:
        Its ends, around the mean difference.

    Reference:
        W. G. Howe, Approximate confidence limits on the mean of X + Y where X and Y are two tabled independent random
        variables, 1974.
    """
    differences = _differences(first, second)
    mean = float(differences.mean(dtype=np.float64))
    images_ms, rest_ms = _mean_squares(differences)
    normal, student = float(stats.norm.isf(alpha / 2)), float(stats.t.isf(alpha / 2, seeds.df))
    of_seeds = max((student * float(seeds.error)) ** 2, normal**2 * rest_ms / differences.size)
    of_images = normal**2 * max(images_ms - rest_ms, 0.0) / differences.size
    half = float(np.sqrt(of_seeds + of_images))
    return mean - half, mean + half


def _mean_squares(differences: NDArray[np.float32]) -> tuple[float, float]:
    """Of images, and of what neither seeds nor images explain, in the two-way layout (seeds, images)."""
    num_seeds, num_images = differences.shape
    mean = differences.mean(dtype=np.float64)
    seeds = num_images * np.sum((differences.mean(axis=1, dtype=np.float64) - mean) ** 2)  # sums of squares
    images = num_seeds * np.sum((differences.mean(axis=0, dtype=np.float64) - mean) ** 2)
    total = np.sum(differences**2, dtype=np.float64) - differences.size * mean**2
    rest = max(float(total - seeds - images), 0.0)
    return float(images) / (num_images - 1), rest / ((num_seeds - 1) * (num_images - 1))


def pigeonhole_means(first: ArrayLike, second: ArrayLike, seed: int, replicates: int = REPLICATES) -> Array:
    """Bootstrap replicates of the mean difference, for new networks on new images: (replicates,).

    Seeds and images are drawn with replacement, apart from each other, and each pair of a drawn seed and a drawn image
    counts. The variance of the replicates has that of what is neither of seeds nor of images three times, and that of
    the seeds (n − 1)/n times: with few seeds it is too large where networks err independently, and too small where
    seeds differ as a whole.

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
