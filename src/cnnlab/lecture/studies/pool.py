"""Pooling: max against average, and both against none."""

from math import log10
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import nn

from cnnlab.lecture import shifts
from cnnlab.lecture.claims import Claim, ExactClaim, Expected
from cnnlab.lecture.studies.pool_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.swept import BySeed, by_configuration, difference, each_seed, final_accuracy, learning_rate
from cnnlab.report.runs import Run

SWEEP = "lecture_pool"
POOLS = ("max", "avg", "stride")
POOLINGS = ("max", "avg")
SMALL_PX = (1, 2, 3)  # a digit keeps a margin of four pixels
NUM_MAPS = 3

CLAIMS = (
    Claim("max_beats_average", Expected.GREATER, 0.001, "points", ("best_rates",)),
    Claim("pooling_beats_none", Expected.GREATER, 0.001, "points", POOLINGS),
    Claim("pooling_helps_under_shifts", Expected.GREATER, 0.01, "points", POOLINGS),
    Claim("pooling_steadies_features", Expected.GREATER, 0.02, "decades", POOLINGS),
    ExactClaim("max_keeps_the_strongest", ("strongest", "size")),
)


class Moved(NamedTuple):
    """What a network makes of moved images.

    Attributes:
        accuracies: At each of `shifts.SHIFTS_PX`.
        change: Of the maps before the linear layers if the image moves by a pixel, relative; nan if all maps are 0.
    """

    accuracies: list[float]
    change: float

    @property
    def has_features(self) -> bool:
        """Whether the maps have features that change: not those of a network whose units are all dead, which are 0."""
        return self.change > 0

    @property
    def loss(self) -> float:
        """Of accuracy by small shifts: how much less than in place."""
        return self.accuracies[0] - fmean(self.accuracies[px] for px in SMALL_PX)


def measure(workspace: Workspace) -> Measured:
    """The runs' accuracies, their networks on moved images, and maps of a digit.

    Args:
        workspace: With the sweep's runs.
    """
    found = by_configuration(workspace.runs(SWEEP), ("pool",))
    runs = {pool: found[(pool,)] for pool in POOLS}
    accuracy = {pool: each_seed(runs[pool], final_accuracy) for pool in POOLS}
    moved = {pool: {seed: _moved(run) for seed, run in sorted(runs[pool].items())} for pool in POOLS}
    losses = {pool: {seed: each.loss for seed, each in moved[pool].items()} for pool in POOLS}
    changes: dict[str, BySeed] = {
        pool: {seed: log10(each.change) for seed, each in moved[pool].items() if each.has_features} for pool in POOLS
    }
    maps = _maps(runs["max"][min(runs["max"])])
    effects = {
        "max_beats_average": {"best_rates": difference(accuracy["max"], accuracy["avg"])},
        "pooling_beats_none": {pool: difference(accuracy[pool], accuracy["stride"]) for pool in POOLINGS},
        "pooling_helps_under_shifts": {pool: difference(losses["stride"], losses[pool]) for pool in POOLINGS},
        "pooling_steadies_features": {pool: difference(changes["stride"], changes[pool]) for pool in POOLINGS},
        "max_keeps_the_strongest": _checks(maps),
    }
    return Measured(effects, _data(runs, accuracy, moved, maps))


def _moved(run: Run) -> Moved:
    network, images, labels, background = shifts.load_tested(run.path)
    part = shifts.convolutional_part(network)
    return Moved(
        shifts.accuracies(network, images, labels, background), shifts.relative_change(part, images, background)
    )


def _maps(run: Run) -> dict[str, torch.Tensor]:
    """A digit, some maps of the first convolution, rectified, and what each pooling makes of them."""
    network, images, _, _ = shifts.load_tested(run.path, 1)
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    with torch.inference_mode():
        maps = first(images).relu()[0]
        strongest = maps.amax(dim=(1, 2)).argsort(descending=True)[:NUM_MAPS]
        maps = maps[strongest.sort().values]
        return {
            "image": images[0, 0],
            "before": maps,
            "max": nn.functional.max_pool2d(maps, 2),
            "avg": nn.functional.avg_pool2d(maps, 2),
            "stride": maps[:, ::2, ::2],
        }


def _checks(maps: dict[str, torch.Tensor]) -> dict[str, list[float]]:
    before, after = maps["before"], maps["max"]
    is_kept = torch.equal(before.amax(dim=(1, 2)), after.amax(dim=(1, 2)))
    return {"strongest": [float(is_kept)], "size": [float(4 * after.numel() == before.numel())]}


def _data(
    runs: dict[str, dict[int, Run]],
    accuracy: dict[str, BySeed],
    moved: dict[str, dict[int, Moved]],
    maps: dict[str, torch.Tensor],
) -> dict[str, Any]:
    return {
        "shifts_px": list(shifts.SHIFTS_PX),
        "rates": {pool: learning_rate(runs[pool]) for pool in POOLS},
        "accuracy": {pool: list(accuracy[pool].values()) for pool in POOLS},
        "moved": {pool: [each.accuracies for each in moved[pool].values()] for pool in POOLS},
        "change": {pool: [each.change for each in moved[pool].values() if each.has_features] for pool in POOLS},
        "maps": {
            name: [[[round(x, 2) for x in row] for row in one] for one in each.reshape(-1, *each.shape[-2:]).tolist()]
            for name, each in maps.items()
        },
    }


STUDY = Study(
    "pool",
    CLAIMS,
    measure,
    show,
    sweeps=(SWEEP,),
    sources=("lecture/shifts.py", "lecture/swept.py", "nn/pool.py", "nn/lecture.py"),
)
