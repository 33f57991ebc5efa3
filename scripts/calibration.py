"""python scripts/calibration.py: how often a report's verdicts are wrong; the tables of docs/statistics.md.

Simulated sweeps of 14 configurations, whose truth is known, are compared as a report compares them; in the last table,
simulated networks on simulated images. Three to five minutes.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product

from cnnlab.report.inference.image_simulation import WORLDS, simulate_images
from cnnlab.report.inference.simulation import EQUAL, REAL, Truth, simulate

DEVIATIONS = {"equal": EQUAL, "real": REAL}
SEEDS = (3, 5, 10, 20)
CORRELATIONS = (0.0, 0.1, 0.25, 0.65)
BETTER = 0.4  # points by which the first configuration is better, where power is measured
MARGIN = 1.0  # points, and exactly the true difference, where false equivalences are measured

HEAD = (
    "| deviations | n | ρ | false verdicts, % | power, % | coverage, % | false equivalences, % |",
    "|---|---|---|---|---|---|---|",
)
BASELINES = {  # the first configuration is the one that all others are compared with
    f"equal, {EQUAL[0]}": EQUAL,
    **{f"real, {REAL[index]}": (REAL[index], *REAL[:index], *REAL[index + 1 :]) for index in (1, 5, 0)},
}
BASELINE_HEAD = (
    "| deviations, the baseline's | n | false verdicts, % | power, % | coverage, % |",
    "|---|---|---|---|---|",
)
COVERAGE_HEAD = (
    "| values | n | of a difference, equal | real | real, the noisiest | of a mean |",
    "|---|---|---|---|---|---|",
)
IMAGES_HEAD = (
    "| world | n | this test set only | bootstrap, percentiles | 2 configurations | 6 configurations |",
    "|---|---|---|---|---|---|",
)
IMAGES_SHARE = 10  # of the repetitions: an accuracy of the last table takes a thousand answers


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, simulates, prints.

    Args:
        arguments: The command line; None for the process's own.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10_000, help="simulated sweeps a row")
    repetitions = parser.parse_args(arguments).repetitions
    if repetitions < 1:
        parser.error(f"--repetitions={repetitions} is too few; give at least 1")
    for line in lines(repetitions):
        print(line)
        sys.stdout.flush()  # a row takes seconds


def lines(repetitions: int) -> Iterator[str]:
    """The four tables, in Markdown.

    Args:
        repetitions: Simulated sweeps a row.
    """
    yield from HEAD
    for deviations, num_seeds, correlation in product(DEVIATIONS, SEEDS, CORRELATIONS):
        yield row(deviations, num_seeds, correlation, repetitions)
    yield ""
    yield from BASELINE_HEAD
    for deviations, num_seeds in product(BASELINES, SEEDS):
        yield baseline_row(deviations, num_seeds, repetitions)
    yield ""
    yield from COVERAGE_HEAD
    for is_skewed, num_seeds in product((False, True), (3, 5, 10, 30)):
        yield coverage_row(is_skewed, num_seeds, repetitions)
    yield ""
    yield from IMAGES_HEAD
    for world, num_seeds in product(WORLDS, (3, 5, 10)):
        yield images_row(world, num_seeds, -(-repetitions // IMAGES_SHARE))


def row(deviations: str, num_seeds: int, correlation: float, repetitions: int) -> str:
    """A row of the first table.

    Args:
        deviations: `equal` or `real`.
        num_seeds: Of each configuration.
        correlation: Between configurations over seeds.
        repetitions: Simulated sweeps.
    """
    seed = 100 * num_seeds + round(100 * correlation)  # else rows would share their chance
    none, better, at_margin = (
        simulate(Truth(DEVIATIONS[deviations], correlation, num_seeds, effect=effect), repetitions, seed)
        for effect in (0.0, BETTER, MARGIN)
    )
    shares = (none.false_verdicts, better.found, none.coverage, at_margin.false_equivalences)
    cells = (deviations, str(num_seeds), str(correlation), *(f"{100 * share:.1f}" for share in shares))
    return f"| {' | '.join(cells)} |"


def baseline_row(deviations: str, num_seeds: int, repetitions: int) -> str:
    """A row of the second table: all configurations against one, without correlation.

    Args:
        deviations: One of `BASELINES`.
        num_seeds: Of each configuration.
        repetitions: Simulated sweeps.
    """
    none, better = (
        simulate(Truth(BASELINES[deviations], 0.0, num_seeds, effect=effect, has_baseline=True), repetitions, num_seeds)
        for effect in (0.0, BETTER)
    )
    shares = (none.false_verdicts, better.found, none.coverage)
    return f"| {' | '.join((deviations, str(num_seeds), *(f'{100 * share:.1f}' for share in shares)))} |"


def coverage_row(is_skewed: bool, num_seeds: int, repetitions: int) -> str:
    """A row of the third table: coverage of 95 % intervals, without correlation.

    Args:
        is_skewed: Whether the values are skewed, else normal.
        num_seeds: Of each configuration.
        repetitions: Simulated sweeps.
    """
    equal, real = (
        simulate(Truth(deviations, 0.0, num_seeds, is_skewed), repetitions, seed=num_seeds)
        for deviations in DEVIATIONS.values()
    )
    shares = (equal.coverage, real.coverage, real.noisiest_coverage, equal.mean_coverage)
    cells = ("skewed" if is_skewed else "normal", str(num_seeds), *(f"{100 * share:.1f}" for share in shares))
    return f"| {' | '.join(cells)} |"


def images_row(world: str, num_seeds: int, repetitions: int) -> str:
    """A row of the fourth table: coverage of 95 % intervals for new images and new seeds.

    Args:
        world: One of `WORLDS`.
        num_seeds: Of each configuration.
        repetitions: Simulated sweeps.
    """
    found = simulate_images(WORLDS[world], num_seeds, repetitions, seed=num_seeds)
    shares = (found.this_test_set, found.bootstrap, found.pair, found.moderated)
    return f"| {' | '.join((world, str(num_seeds), *(f'{100 * share:.1f}' for share in shares)))} |"


if __name__ == "__main__":
    main()
