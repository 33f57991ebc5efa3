"""Noise of images and of seeds: against formulas by loops, the bootstrap's exact variance, and simulated truth."""

import time

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from cnnlab.report.inference.differences import interval
from cnnlab.report.inference.images import new_images, new_images_and_seeds, pigeonhole_means, predicted_deviation


def draw(
    num_seeds: int, num_images: int, generator: np.random.Generator, seed_deviation: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two configurations on images of different difficulty; how good a seed is varies by `seed_deviation` logits."""
    difficulty = 5 + 3 * generator.standard_normal(num_images)
    found = []
    for shift in (0.0, 0.3):
        of_image = difficulty - shift + 0.7 * generator.standard_normal(num_images)
        of_seed = seed_deviation * generator.standard_normal((num_seeds, 1))
        found.append(generator.random((num_seeds, num_images)) < expit(of_image + of_seed))
    return found[0], found[1]


def true_difference(seed_deviation: float) -> float:
    """The mean of `draw` over images and seeds, by quadrature of the normal logits."""
    deviation = np.sqrt(3**2 + 0.7**2 + seed_deviation**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    first, second = (expit(5 - shift + deviation * nodes) @ weights / weights.sum() for shift in (0.0, 0.3))
    return float(first - second)


@pytest.fixture
def both() -> tuple[np.ndarray, np.ndarray]:
    return draw(5, 400, np.random.default_rng(0), seed_deviation=0.3)


# --- new images, these networks --------------------------------------------------------------------------------------


def test_the_interval_for_new_images_is_that_of_the_images_mean_differences(both):
    first, second = both
    estimate = new_images(first, second)
    by_image = [float(np.mean(first[:, image])) - float(np.mean(second[:, image])) for image in range(400)]
    expected = stats.norm.interval(0.95, np.mean(by_image), stats.sem(by_image))
    assert interval(estimate) == pytest.approx(expected)


def test_one_network_each_on_new_images_is_mcnemars_table():
    first, second = np.array([[1, 1, 1, 1, 0, 0, 1, 0]], bool), np.array([[1, 0, 0, 1, 1, 0, 0, 0]], bool)
    estimate = new_images(first, second)  # 3 images only the first, 1 only the second
    assert estimate.difference == pytest.approx((3 - 1) / 8)
    assert estimate.error == pytest.approx(np.sqrt(((3 + 1) / 8 - (2 / 8) ** 2) / 7))


def test_intervals_for_new_images_hold_the_difference_of_the_same_networks_on_all_images():
    generator = np.random.default_rng(1)
    held = []
    for _ in range(300):
        first, second = draw(5, 20_000, generator, seed_deviation=1.0)  # the networks, and all images that there are
        everywhere = first.mean() - second.mean()
        some = generator.choice(20_000, size=1_000, replace=False)
        low, high = interval(new_images(first[:, some], second[:, some]))
        held.append(low <= everywhere <= high)
    assert 0.91 <= np.mean(held) <= 0.985


# --- new images and new seeds ----------------------------------------------------------------------------------------


def mean_squares(difference: np.ndarray) -> tuple[float, float, float]:
    """Of seeds, images and what is neither, by loops over their definitions."""
    n, num = difference.shape
    mean = difference.mean()
    seeds = sum(num * (difference[s].mean() - mean) ** 2 for s in range(n))
    images = sum(n * (difference[:, i].mean() - mean) ** 2 for i in range(num))
    rest = sum(
        (difference[s, i] - difference[s].mean() - difference[:, i].mean() + mean) ** 2
        for s in range(n)
        for i in range(num)
    )
    return seeds / (n - 1), images / (num - 1), rest / ((n - 1) * (num - 1))


def test_the_error_for_new_images_and_seeds_is_that_of_the_mean_squares():
    first, second = draw(5, 300, np.random.default_rng(1), seed_deviation=1.5)
    difference = first.astype(float) - second
    seeds, images, rest = mean_squares(difference)
    assert seeds > rest
    assert images > rest
    estimate = new_images_and_seeds(first, second)
    variance = seeds + images - rest
    assert estimate.difference == pytest.approx(difference.mean())
    assert estimate.error == pytest.approx(np.sqrt(variance / difference.size), rel=1e-6)
    assert estimate.df == pytest.approx(variance**2 / (seeds**2 / 4 + images**2 / 299), rel=1e-6)


def test_seeds_that_differ_less_than_chance_explains_count_as_no_noise_of_their_own(both):
    difference = both[0].astype(float) - both[1]
    seeds, images, rest = mean_squares(difference)
    assert seeds < rest < images
    estimate = new_images_and_seeds(*both)
    assert estimate.error == pytest.approx(np.sqrt(images / difference.size), rel=1e-6)
    assert estimate.df == pytest.approx(399)


@pytest.mark.parametrize("num_seeds", [5, 10])
@pytest.mark.parametrize("seed_deviation", [0.0, 0.5], ids=["independent errors", "seeds that differ"])
def test_intervals_for_new_images_and_seeds_hold_the_truth(num_seeds, seed_deviation):
    generator = np.random.default_rng(num_seeds)
    true = true_difference(seed_deviation)
    held = []
    for _ in range(1_500):
        low, high = interval(new_images_and_seeds(*draw(num_seeds, 500, generator, seed_deviation)))
        held.append(low <= true <= high)
    assert 0.935 <= np.mean(held) <= 0.985


def test_networks_that_never_differ_have_no_error_and_a_single_seed_says_nothing_about_others():
    right = np.ones((4, 30), bool)
    assert interval(new_images_and_seeds(right, right)) == (0, 0)
    assert interval(new_images(right, right)) == (0, 0)
    assert (pigeonhole_means(right, right, seed=0, replicates=10) == 0).all()
    alone = new_images_and_seeds(right[:1], right[:1])
    assert alone.difference == 0
    assert np.isnan(interval(alone)).all()


@pytest.mark.parametrize("estimate", [new_images, new_images_and_seeds])
def test_swapped_configurations_have_the_opposite_difference(estimate, both):
    one, other = estimate(*both), estimate(*both[::-1])
    assert one.difference == pytest.approx(-other.difference)
    assert (one.error, one.df) == (pytest.approx(other.error), pytest.approx(other.df))


@pytest.mark.parametrize("function", [new_images, new_images_and_seeds, lambda a, b: pigeonhole_means(a, b, seed=0)])
def test_seeds_or_images_that_are_not_common_are_refused(function):
    with pytest.raises(ValueError, match=r"\(1, 8\) and \(3, 8\) differ"):
        function(np.ones((1, 8), bool), np.ones((3, 8), bool))


# --- the pigeonhole bootstrap ----------------------------------------------------------------------------------------


def exact_bootstrap_variance(difference: np.ndarray) -> float:
    """Of the mean over drawn seeds and images, from E[w_s·w_s'] = 1 − 1/n, plus 1 for s = s'; the same for images."""
    n, num = difference.shape
    total, pairs = difference.sum(), (difference**2).sum()
    seeds, images = (difference.sum(axis=1) ** 2).sum(), (difference.sum(axis=0) ** 2).sum()
    squares = pairs + (1 - 1 / num) * seeds + (1 - 1 / n) * images + (1 - 1 / n) * (1 - 1 / num) * total**2
    return float((squares - total**2) / (n * num) ** 2)


def test_the_pigeonhole_bootstrap_has_its_exact_variance_and_mean(both):
    difference = both[0].astype(float) - both[1]
    means = pigeonhole_means(*both, seed=0, replicates=40_000)
    assert means.shape == (40_000,)
    assert means.mean() == pytest.approx(difference.mean(), abs=4 * means.std() / 200)
    assert means.var() == pytest.approx(exact_bootstrap_variance(difference), rel=0.03)


def test_the_pigeonhole_bootstrap_is_too_wide_by_far_where_networks_err_independently():
    """Why `new_images_and_seeds` is not its variance: the interaction is in it three times."""
    generator = np.random.default_rng(2)
    drawn = [draw(5, 500, generator) for _ in range(400)]
    differences = [first.astype(float) - second for first, second in drawn]
    true_error = np.std([difference.mean() for difference in differences])
    bootstrap = np.sqrt(np.mean([exact_bootstrap_variance(difference) for difference in differences]))
    components = np.sqrt(np.mean([new_images_and_seeds(*both).error ** 2 for both in drawn]))
    assert bootstrap / true_error > 1.3
    assert components / true_error == pytest.approx(1, abs=0.12)


def test_the_same_seed_is_the_same_bootstrap_and_another_is_another(both):
    one, same, other = (pigeonhole_means(*both, seed=seed, replicates=250) for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).all()


def test_2000_replicates_of_a_whole_test_set_take_no_noticeable_time():
    generator = np.random.default_rng(0)
    first, second = (generator.random((20, 10_000)) < 0.98 for _ in range(2))
    begin = time.process_time()
    pigeonhole_means(first, second, seed=0, replicates=2_000)
    assert time.process_time() - begin < 2  # 0.4 s; a loop over images takes minutes


# --- the deviation over seeds that independent errors predict ---------------------------------------------------------


def test_the_predicted_deviation_by_hand():
    assert predicted_deviation([1.0, 0.5, 0.0, 0.9]) == pytest.approx(np.sqrt(0.25 + 0.09) / 4)
    assert predicted_deviation([0.5, 1.0], num_seeds=2) == pytest.approx(np.sqrt(2 * 0.25) / 2)
    assert predicted_deviation([1.0, 0.0]) == 0


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 20])
def test_the_deviation_predicted_from_a_few_networks_is_that_of_many_independent_ones(num_seeds):
    generator = np.random.default_rng(num_seeds)
    probabilities = expit(4 + 3 * generator.standard_normal(2_000))
    right = generator.random((300, num_seeds, 2_000)) < probabilities
    predicted = [predicted_deviation(share, num_seeds) for share in right.mean(axis=1)]
    observed = (generator.random((3_000, 2_000)) < probabilities).mean(axis=1).std()
    assert np.mean(predicted) == pytest.approx(observed, rel=0.03)
    assert np.mean(predicted) == pytest.approx(predicted_deviation(probabilities), rel=0.01)
