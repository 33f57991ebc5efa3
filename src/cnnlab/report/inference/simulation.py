"""How often verdicts are wrong, and how often they find what is there: simulated sweeps whose truth is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnlab.report.inference.differences import (
    ALPHA,
    Estimate,
    all_pairs,
    holm,
    mean_interval,
    num_independent,
    p_of_difference,
    p_of_nonequivalence,
    paired_estimate,
)
from cnnlab.report.inference.moderation import Array, scatters_alike

# standard deviations over seeds, in points, of the 14 optimisers of `sweep=optimizers` (five seeds, five epochs)
REAL = (0.15, 0.27, 0.11, 0.15, 0.16, 0.08, 0.19, 0.15, 0.15, 0.11, 0.12, 0.10, 0.08, 0.23)
EQUAL = (0.15,) * 14
GAMMA_SHAPE = 4.0  # a skewness of 1
CHUNK = 2_000  # sweeps at a time, to bound the memory


@dataclass(frozen=True)
class Truth:
    """What simulated runs are drawn from.

    Attributes:
        deviations: Of each configuration over seeds.
        correlation: Between configurations over seeds, from 0 to 1.
        num_seeds: Of each configuration.
        is_skewed: Whether the values have a long tail downwards, as accuracies of runs that may go wrong: the negative
            of a gamma distribution with a skewness of 1. Else they are normal.
        effect: By how much the first configuration is better than the others, which are equal.
        has_baseline: Whether only the first configuration is compared with the others, else all pairs.
    """

    deviations: tuple[float, ...] = EQUAL
    correlation: float = 0.0
    num_seeds: int = 5
    is_skewed: bool = False
    effect: float = 0.0
    has_baseline: bool = False

    @property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The first and the second configuration of every comparison."""
        first, second = all_pairs(len(self.deviations))
        is_compared = (first == 0) | (not self.has_baseline)
        return first[is_compared], second[is_compared]

    def draw(self, repetitions: int, generator: np.random.Generator) -> Array:
        """Values of simulated sweeps: (repetitions, configurations, seeds).

        Args:
            repetitions: The number of sweeps.
            generator: The source of chance.
        """
        own = self._noise((repetitions, len(self.deviations), self.num_seeds), generator)
        shared = self._noise((repetitions, 1, self.num_seeds), generator)
        noise = np.sqrt(1 - self.correlation) * own + np.sqrt(self.correlation) * shared
        values: Array = np.asarray(self.deviations)[:, np.newaxis] * noise
        values[:, 0] += self.effect
        return values

    def _noise(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Numbers with mean 0 and variance 1."""
        if self.is_skewed:
            skewed: Array = (GAMMA_SHAPE - generator.gamma(GAMMA_SHAPE, size=shape)) / np.sqrt(GAMMA_SHAPE)
            return skewed
        normal: Array = generator.standard_normal(shape)
        return normal


@dataclass(frozen=True)
class Rates:
    """What became of simulated sweeps, as shares.

    Attributes:
        false_verdicts: Sweeps with at least one verdict between equal configurations.
        found: Verdicts for the first configuration among its comparisons.
        coverage: Intervals of single differences that hold the true one.
        noisiest_coverage: Of these, the intervals of the configuration that scatters most.
        mean_coverage: Intervals of single configurations' means that hold the true one.
        false_equivalences: Sweeps in which at least one difference was declared equivalent, if the margin is exactly
            the true difference; nan if that is 0.
    """

    false_verdicts: float
    found: float
    coverage: float
    noisiest_coverage: float
    mean_coverage: float
    false_equivalences: float


def simulate(truth: Truth, repetitions: int, seed: int) -> Rates:
    """Compares the configurations of each simulated sweep, as a report does.

    Args:
        truth: What the runs are drawn from.
        repetitions: The number of sweeps.
        seed: Of the random numbers.
    """
    generator = np.random.default_rng(seed)
    sizes = [min(CHUNK, repetitions - done) for done in range(0, repetitions, CHUNK)]
    parts = [_rates(truth, truth.draw(size, generator)) for size in sizes]
    return Rates(*np.average(parts, axis=0, weights=sizes).tolist())


def _rates(truth: Truth, values: Array) -> tuple[float, ...]:
    pairs = truth.pairs
    differences = values[:, pairs[0]] - values[:, pairs[1]]
    alike = scatters_alike(values.var(axis=-1, ddof=1), truth.num_seeds - 1)
    estimate = paired_estimate(
        differences.mean(axis=-1),
        differences.var(axis=-1, ddof=1),
        truth.num_seeds,
        num_independent(*pairs),
        alike[:, pairs[0]] & alike[:, pairs[1]],
    )
    is_of_first = pairs[0] == 0
    true = np.where(is_of_first, truth.effect, 0.0)
    p_values = p_of_difference(estimate)
    has_verdict = holm(p_values) < ALPHA
    equal = has_verdict if truth.effect == 0 else has_verdict[:, ~is_of_first]
    of_truth = p_of_difference(estimate._replace(difference=estimate.difference - true)) if truth.effect else p_values
    holds = of_truth >= ALPHA  # the interval holds what the test does not reject
    noisiest = int(np.argmax(truth.deviations))
    mean_low, mean_high = mean_interval(values)
    true_mean = np.where(np.arange(len(truth.deviations)) == 0, truth.effect, 0.0)
    return (
        float(equal.any(axis=-1).mean()),
        float((has_verdict & (differences.mean(axis=-1) > 0))[:, is_of_first].mean()),
        float(holds.mean()),
        float(holds[:, (pairs[0] == noisiest) | (pairs[1] == noisiest)].mean()),
        float(((mean_low <= true_mean) & (true_mean <= mean_high)).mean()),
        _false_equivalences(truth, estimate, is_of_first),
    )


def _false_equivalences(truth: Truth, estimate: Estimate, is_of_first: np.ndarray) -> float:
    if truth.effect == 0:
        return float("nan")
    is_equivalent = holm(p_of_nonequivalence(estimate, truth.effect)) < ALPHA
    return float(is_equivalent[:, is_of_first].any(axis=-1).mean())
