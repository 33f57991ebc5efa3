"""The short form of `make torture`."""

from pathlib import Path
from random import Random

import pytest

from tests.disks import can_mount
from tests.torture.__main__ import FAMILIES, NEEDS_MOUNT
from tests.torture.campaign import Ending, Family, Wrong, campaign, table

SEED = 13


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_random_fault_of_each_kind(family: Family, tmp_path: Path):
    if family.name in NEEDS_MOUNT and not can_mount():
        pytest.skip("needs a file system of its own")
    tally = campaign([family], SEED, tmp_path / "trials", minutes=0, trials=(0,))[family]
    assert tally.num_trials == 1
    assert not tally.wrong


def test_a_campaign_counts_how_its_trials_end(tmp_path: Path):
    def trial(rng: Random, place: Path) -> Ending:
        if rng.random() < 0.5:
            raise Wrong("as told")
        return Ending.REFUSED

    family = Family("coin", "a coin", trial)
    tallies = campaign([family], 0, tmp_path, minutes=0, trials=range(20))
    tally = tallies[family]
    assert tally.num_trials == 20
    assert 0 < len(tally.wrong) < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"coin-{number}" for number in tally.wrong)
    assert campaign([family], 0, tmp_path / "again", minutes=0, trials=tally.wrong)[family].wrong == tally.wrong
    assert f"| a coin | 20 | 0 | {20 - len(tally.wrong)} | {len(tally.wrong)} |" in table(tallies)
