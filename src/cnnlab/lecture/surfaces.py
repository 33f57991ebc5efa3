"""Losses of two weights that an optimiser finds hard, and its paths on them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch.optim import Optimizer

from cnnlab.experiment.folder import config_folder
from cnnlab.experiment.targets import instantiate
from cnnlab.seeding import derive_seed

Paths = NDArray[np.float64]
MakeOptimizer = Callable[[Iterable[dict[str, object]]], Optimizer]


@dataclass(frozen=True)
class Surface:
    """A loss of two weights, x and y.

    Attributes:
        name: Of the surface.
        loss: Of weights (…, 2), float64, to losses (…).
        start: Where every path starts.
        spread: Standard deviation of the starts of random paths around it.
        noise: Standard deviation of the noise that is added to each gradient, where there is noise.
        target: A path has arrived when its loss stays at most this.
        minimum: The best one.
        x: What is drawn of the first weight.
        y: What is drawn of the second.
    """

    name: str
    loss: Callable[[torch.Tensor], torch.Tensor]
    start: tuple[float, float]
    spread: float
    noise: float
    target: float
    minimum: tuple[float, float]
    x: tuple[float, float]
    y: tuple[float, float]


def ravine(weights: torch.Tensor) -> torch.Tensor:
    """½ (0.18 x² + 18 y²): a hundred times steeper across than along."""
    x, y = weights.unbind(-1)
    return 0.09 * x**2 + 9 * y**2


def plateau(weights: torch.Tensor) -> torch.Tensor:
    """1 - exp(-(x² + y²) / 2): a hole in a plain that is nearly flat."""
    return 1 - torch.exp(-0.5 * weights.square().sum(-1))


def saddle(weights: torch.Tensor) -> torch.Tensor:
    """½ x² - ½ y² + ¼ y⁴ + ¼: a saddle point at the origin, minima at y = ±1."""
    x, y = weights.unbind(-1)
    return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4 + 0.25


def two_valleys(weights: torch.Tensor) -> torch.Tensor:
    """(x² - 4)² / 16 - 0.3 x + ½ y²: a poor minimum at x = -1.83, a ridge at x = -0.31, a good one at x = 2.14."""
    x, y = weights.unbind(-1)
    return (x**2 - 4) ** 2 / 16 - 0.3 * x + 0.5 * y**2


RIDGE_X = -0.307  # between the two valleys
SURFACES = {
    surface.name: surface
    for surface in (
        Surface("ravine", ravine, (-8.0, 1.0), 0.2, 0.1, 0.05, (0.0, 0.0), (-9.0, 3.0), (-2.2, 2.2)),
        Surface("plateau", plateau, (-3.2, 2.4), 0.2, 0.05, 0.1, (0.0, 0.0), (-4.5, 2.0), (-1.5, 3.5)),
        Surface("saddle", saddle, (-1.5, 0.0), 0.0, 0.05, 0.02, (0.0, 1.0), (-2.0, 1.0), (-1.5, 1.5)),
        Surface("two_valleys", two_valleys, (-3.2, 1.0), 0.2, 0.5, 0.0, (2.136, 0.0), (-4.0, 4.0), (-2.0, 2.0)),
    )
}


def optimizer_option(name: str) -> MakeOptimizer:
    """An optimiser as a run has it: the class and the values of conf/optimizer/<name>.yaml.

    Args:
        name: Of the option.

    Returns:
        Of groups of parameters, each with its own `lr`, to an optimiser.
    """
    made: MakeOptimizer = instantiate(OmegaConf.load(config_folder() / "optimizer" / f"{name}.yaml"), "optimizer")
    return made


def descend(
    loss: Callable[[torch.Tensor], torch.Tensor],
    make_optimizer: MakeOptimizer,
    rates: Sequence[float],
    starts: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> Paths:
    """Paths of an optimiser from the same starts at several learning rates, side by side and independent of each other.

    That needs an optimiser whose step of a weight depends on this weight's gradients alone, as those of the lecture do.

    Args:
        loss: Of weights (…, 2) to losses (…).
        make_optimizer: From `optimizer_option`.
        rates: Learning rates.
        starts: (paths, 2).
        noise: Added to the gradients: (steps, paths, 2), or (steps, 1, 2) for the same everywhere.

    Returns:
        (rates, paths, steps + 1, 2); not finite from where a path has diverged.
    """
    weights = [torch.tensor(starts, dtype=torch.float64, requires_grad=True) for _ in rates]
    optimizer = make_optimizer([{"params": [each], "lr": rate} for each, rate in zip(weights, rates, strict=True)])
    found = np.empty((len(noise) + 1, len(rates), *starts.shape))
    found[0] = starts
    for step, added in enumerate(torch.from_numpy(noise), start=1):
        here = torch.stack(weights)
        gradients = torch.autograd.grad(loss(here).sum(), here)[0] + added
        for each, gradient in zip(weights, gradients, strict=True):
            each.grad = gradient
        optimizer.step()
        found[step] = [each.detach().numpy() for each in weights]
    return found.transpose(1, 2, 0, 3)


def draw_starts_and_noise(
    surface: Surface, seed: int, num_paths: int, num_steps: int, is_noisy: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the paths of a seed start, and the noise of their gradients: the same for every optimiser.

    Args:
        surface: With the spread of the starts and the size of the noise.
        seed: Of both.
        num_paths: Each with its own start and noise.
        num_steps: Of each path.
        is_noisy: Without, the noise is 0.

    Returns:
        Starts (paths, 2) and noise (steps, paths, 2).
    """
    generator = np.random.default_rng(derive_seed(seed, "surface"))
    starts = surface.start + surface.spread * generator.standard_normal((num_paths, 2))
    noise = generator.standard_normal((num_steps, num_paths, 2))
    return starts, noise * (surface.noise if is_noisy else 0.0)


def losses(surface: Surface, paths: Paths) -> NDArray[np.float64]:
    """The losses along paths (…, steps, 2); infinite where a path has diverged."""
    found: NDArray[np.float64] = surface.loss(torch.from_numpy(np.ascontiguousarray(paths))).numpy()
    return np.where(np.isfinite(found), found, math.inf)


def steps_to_target(surface: Surface, paths: Paths) -> NDArray[np.float64]:
    """Steps after which the loss stays at most the surface's target; all steps if it does not.

    Args:
        surface: Whose target.
        paths: (…, steps + 1, 2).

    Returns:
        (…), from 1 on.
    """
    is_above = losses(surface, paths) > surface.target
    num_points = paths.shape[-2]
    last_above = num_points - 1 - is_above[..., ::-1].argmax(axis=-1)
    steps = np.where(is_above.any(axis=-1), last_above + 1, 1)
    return np.asarray(np.minimum(steps, num_points - 1), dtype=np.float64)


def steps_to_leave_ridge(paths: Paths) -> NDArray[np.float64]:
    """Steps after which a path on `saddle` is half-way from the ridge to a minimum for the first time, |y| > ½.

    Args:
        paths: (…, steps + 1, 2).

    Returns:
        (…), from 1 on; all steps if it never is.
    """
    has_left = np.abs(paths[..., 1]) > 0.5
    first = np.where(has_left.any(axis=-1), has_left.argmax(axis=-1), paths.shape[-2] - 1)
    return np.asarray(np.maximum(first, 1), dtype=np.float64)


def ends_in_good_valley(paths: Paths) -> NDArray[np.bool_]:
    """Whether paths on `two_valleys` end beyond the ridge, and below it, (…)."""
    last = paths[..., -1, :]
    top = float(two_valleys(torch.tensor([RIDGE_X, 0.0], dtype=torch.float64)))
    return np.asarray((last[..., 0] > RIDGE_X) & (losses(SURFACES["two_valleys"], last) < top))


def reversal_share(paths: Paths, num_steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the successive updates of a path, the share that change their direction along y, the steep one of the ravine.

    Args:
        paths: (…, steps + 1, 2).
        num_steps: How many steps of each path count, (…).

    Returns:
        (…); 0 of a path with a single step.
    """
    updates = np.diff(paths[..., 1], axis=-1)
    counts = np.arange(1, updates.shape[-1]) < num_steps[..., None]
    reverses = (updates[..., 1:] * updates[..., :-1] < 0) & counts
    return np.asarray(reverses.sum(axis=-1) / np.maximum(counts.sum(axis=-1), 1))
