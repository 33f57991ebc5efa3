"""Noise of images and of seeds: against formulas by loops, the bootstrap's exact variance, and simulated truth."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from cnnlab.report.inference.differences import Estimate, interval
from cnnlab.report.inference.images import new_images, new_images_and_seeds, pigeonhole_means, predicted_deviation

NO_ERROR = Estimate(np.asarray(0.0), np.asarray(0.0), np.asarray(4.0))


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


def seed_estimate(first: np.ndarray, second: np.ndarray) -> Estimate:
    """The ordinary paired comparison of the accuracies by seed."""
    differences = first.mean(axis=1) - second.mean(axis=1)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return Estimate(differences.mean(), np.asarray(error), np.asarray(len(differences) - 1.0))


def test_the_interval_for_new_images_and_seeds_by_hand():
    first = np.array([[1, 1, 1, 0, 1, 1], [1, 0, 1, 1, 1, 1]], bool)
    second = np.array([[0, 0, 1, 0, 0, 1], [0, 0, 1, 1, 1, 1]], bool)
    # differences 1 1 0 0 1 0 and 1 0 0 0 0 0, mean 1/3: of seeds 1/2 and 1/6, of images 1, 1/2, 0, 0, 1/2, 0
    # squares: all 4 − 12/9 = 8/3, of seeds 12·(1/6)² = 1/3, of images 2·(4/9 + 2/36 + 3/9) = 5/3, so rest 2/3
    images_ms, rest_ms = (5 / 3) / 5, (2 / 3) / 5
    error = 1 / 6  # of the seeds: the deviation of 1/2 and 1/6, which is 1/√18, over √2
    half = np.sqrt((12.7062 * error) ** 2 + 1.95996**2 * (images_ms - rest_ms) / 12)
    estimate = seed_estimate(first, second)
    assert (estimate.difference, estimate.error, estimate.df) == pytest.approx((1 / 3, error, 1))
    assert new_images_and_seeds(first, second, estimate) == pytest.approx((1 / 3 - half, 1 / 3 + half), rel=1e-5)


def test_the_mean_squares_are_those_of_the_two_way_layout():
    first, second = draw(5, 300, np.random.default_rng(1), seed_deviation=1.5)
    seeds, images, rest = mean_squares(first.astype(float) - second)
    assert seeds > rest
    assert images > rest
    estimate = seed_estimate(first, second)
    assert estimate.error**2 == pytest.approx(seeds / first.size)  # V/n holds the rest too
    low, high = new_images_and_seeds(first, second, estimate)
    of_seeds = stats.t.isf(0.025, 4) ** 2 * seeds
    of_images = stats.norm.isf(0.025) ** 2 * (images - rest)
    assert (high - low) / 2 == pytest.approx(np.sqrt((of_seeds + of_images) / first.size), rel=1e-6)


def test_seeds_that_differ_less_than_chance_explains_still_have_that_chance(both):
    _, images, rest = mean_squares(both[0].astype(float) - both[1])
    lucky = Estimate(np.asarray(0.0), np.asarray(0.0), np.asarray(4.0))
    low, high = new_images_and_seeds(*both, lucky)
    assert images > rest
    assert (high - low) / 2 == pytest.approx(1.959964 * np.sqrt(images / both[0].size), rel=1e-6)


@given(
    num_seeds=st.integers(2, 6),
    num_images=st.integers(2, 40),
    share=st.floats(0.0, 1.0),
    error=st.floats(0.0, 0.2),
    df=st.floats(1.0, 1e4),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_more_general_claim_never_has_a_smaller_interval(num_seeds, num_images, share, error, df, seed):
    generator = np.random.default_rng(seed)
    first, second = generator.random((2, num_seeds, num_images)) < share
    mean = first.mean() - second.mean()
    seeds = Estimate(np.asarray(mean), np.asarray(error), np.asarray(df))
    low, high = new_images_and_seeds(first, second, seeds)
    for narrow_low, narrow_high in (interval(seeds), interval(new_images(first, second))):
        assert low <= narrow_low + 1e-6
        assert high >= narrow_high - 1e-6


def test_networks_that_never_differ_have_no_error():
    right = np.ones((4, 30), bool)
    assert new_images_and_seeds(right, right, seed_estimate(right, right)) == (0, 0)
    assert interval(new_images(right, right)) == (0, 0)
    assert (pigeonhole_means(right, right, seed=0, replicates=10) == 0).all()


def both_noises(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    return new_images_and_seeds(first, second, seed_estimate(first, second))


@pytest.mark.parametrize("ends", [lambda a, b: interval(new_images(a, b)), both_noises], ids=["images", "and seeds"])
def test_swapped_configurations_have_the_opposite_interval(ends, both):
    low, high = ends(*both)
    assert ends(*both[::-1]) == pytest.approx((-high, -low))


@pytest.mark.parametrize(
    "function",
    [new_images, lambda a, b: new_images_and_seeds(a, b, NO_ERROR), lambda a, b: pigeonhole_means(a, b, seed=0)],
)
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
    assert bootstrap / true_error > 1.3


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
