"""Every optimiser on every surface, at the best of its learning rates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnlab.lecture.surfaces import (
    SURFACES,
    Paths,
    Surface,
    descend,
    draw_starts_and_noise,
    ends_in_good_valley,
    optimizer_option,
    steps_to_leave_ridge,
    steps_to_target,
)

RATES = tuple(float(rate) for rate in 10 ** (np.arange(-15, 10) / 6))  # 0.0032 to 32, six a decade
SHOWN_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)  # for a reader to choose from
TUNING_SEED = 1000
MOST_POINTS = 60  # of a path that is shown


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes:
        num_steps: Of each path.
        num_paths: Of each seed, each with its own start and noise.
    """

    num_steps: int = 500
    num_paths: int = 128


@dataclass(frozen=True)
class Descent:
    """The paths of an optimiser on a surface.

    Attributes:
        surface: Where.
        rate: The learning rate.
        paths: (seeds, paths, steps + 1, 2).
    """

    surface: Surface
    rate: float
    paths: Paths

    def decades(self) -> NDArray[np.float64]:
        """log10 of the steps to the target, a mean for each seed, (seeds,)."""
        return np.asarray(np.log10(steps_to_target(self.surface, self.paths)).mean(axis=-1))

    def leaving_decades(self) -> NDArray[np.float64]:
        """log10 of the steps until a path has left the ridge of the saddle, a mean for each seed, (seeds,)."""
        return np.asarray(np.log10(steps_to_leave_ridge(self.paths)).mean(axis=-1))

    def good_share(self) -> NDArray[np.float64]:
        """The share of paths that end in the good one of two valleys, for each seed, (seeds,)."""
        return np.asarray(ends_in_good_valley(self.paths).mean(axis=-1))


def run_descent(
    surface: Surface, optimizer: str, rate: float, seeds: Sequence[int], is_noisy: bool, effort: Effort
) -> Descent:
    """The paths of all seeds at one learning rate.

    Args:
        surface: Where.
        optimizer: An option of conf/optimizer/.
        rate: The learning rate.
        seeds: Of starts and noise.
        is_noisy: Whether gradients have noise.
        effort: How many paths and steps.
    """
    drawn = [draw_starts_and_noise(surface, seed, effort.num_paths, effort.num_steps, is_noisy) for seed in seeds]
    starts = np.concatenate([each for each, _ in drawn])
    noise = np.concatenate([each for _, each in drawn], axis=1)
    (paths,) = descend(surface.loss, optimizer_option(optimizer), [rate], starts, noise)
    return Descent(surface, rate, paths.reshape(len(seeds), effort.num_paths, -1, 2))


def tuned_descent(surface: Surface, optimizer: str, seeds: Sequence[int], is_noisy: bool, effort: Effort) -> Descent:
    """The paths of all seeds at the best rate of the tuning seed.

    Args:
        surface: Where.
        optimizer: An option of conf/optimizer/.
        seeds: Of starts and noise.
        is_noisy: Whether gradients have noise.
        effort: How many paths and steps.
    """
    rate = best_rate(surface, optimizer, is_noisy, effort)
    return run_descent(surface, optimizer, rate, seeds, is_noisy, effort)


def best_rate(surface: Surface, optimizer: str, is_noisy: bool, effort: Effort) -> float:
    """The one of `RATES` that does best on the tuning seed; of equal ones the middle one.

    On `two_valleys` the most paths end in the good one, elsewhere they take the fewest steps (a geometric mean).

    Args:
        surface: Where.
        optimizer: An option of conf/optimizer/.
        is_noisy: Whether gradients have noise.
        effort: How many paths and steps.
    """
    starts, noise = draw_starts_and_noise(surface, TUNING_SEED, effort.num_paths, effort.num_steps, is_noisy)
    paths = descend(surface.loss, optimizer_option(optimizer), RATES, starts, noise)
    if surface.name == "two_valleys":
        scores = ends_in_good_valley(paths).mean(axis=-1)
    else:
        scores = -np.log10(steps_to_target(surface, paths)).mean(axis=-1)
    (best,) = np.nonzero(np.isclose(scores, scores.max()))
    return RATES[int(best[len(best) // 2])]


def stays_on_ridge(optimizer: str, effort: Effort) -> bool:
    """Whether an optimiser that starts exactly on the saddle's ridge never leaves it, at any learning rate."""
    surface = SURFACES["saddle"]
    starts, noise = np.array([surface.start]), np.zeros((effort.num_steps, 1, 2))
    paths = descend(surface.loss, optimizer_option(optimizer), RATES, starts, noise)
    return bool((paths[..., 1] == 0).all())


def shown_paths(
    surface: Surface, optimizer: str, rates: Sequence[float], is_noisy: bool, effort: Effort
) -> list[list[list[float]]]:
    """One path from the surface's own start at each learning rate, with few points.

    Args:
        surface: Where.
        optimizer: An option of conf/optimizer/.
        rates: Learning rates.
        is_noisy: Whether gradients have noise, that of seed 0.
        effort: How many steps.
    """
    _, noise = draw_starts_and_noise(surface, 0, 1, effort.num_steps, is_noisy)
    paths = descend(surface.loss, optimizer_option(optimizer), rates, np.array([surface.start]), noise)
    return [_thinned(surface, path[0]) for path in paths]


def _thinned(surface: Surface, path: Paths) -> list[list[float]]:
    """The first steps all, then ever fewer; up to where the path is far outside of the picture."""
    (low_x, high_x), (low_y, high_y) = surface.x, surface.y
    middle, size = np.array([low_x + high_x, low_y + high_y]) / 2, np.array([high_x - low_x, high_y - low_y])
    with np.errstate(invalid="ignore"):
        is_near = (np.abs(path - middle) <= 2 * size).all(axis=-1)
    path = path if is_near.all() else path[: max(1, int(is_near.argmin()))]
    each = MOST_POINTS // 2
    if len(path) > MOST_POINTS:
        later = np.geomspace(each, len(path) - 1, MOST_POINTS - each).round().astype(int)
        path = path[np.unique([*range(each), *later])]
    return [[round(float(x), 3), round(float(y), 3)] for x, y in path]
