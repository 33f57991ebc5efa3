"""Runs random trials of every family of faults, and counts how they end."""

import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random


class Ending(Enum):
    """How a trial may end; anything else is a fault of ours."""

    RECOVERED = "recovered"  # to the weights of a run without the fault, bit for bit
    REFUSED = "refused in one line"


class Wrong(Exception):
    """A trial ended in another way, which the message describes."""


@dataclass(frozen=True)
class Family:
    """Faults of one kind.

    Attributes:
        name: For the command line.
        title: For the table.
        trial: Does one random fault in an empty folder, and says how it ended.
    """

    name: str
    title: str
    trial: Callable[[Random, Path], Ending]


@dataclass
class Tally:
    """The endings of a family's trials, and the trials that ended wrong."""

    endings: Counter[Ending] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)

    @property
    def num_trials(self) -> int:
        """All of them."""
        return self.endings.total() + len(self.wrong)


def campaign(
    families: Sequence[Family], seed: int, folder: Path, *, minutes: float, trials: Sequence[int] | None = None
) -> dict[Family, Tally]:
    """Runs trials in turn, one of each family, until the time is up; a trial depends on its number and the seed alone.

    Args:
        families: The kinds of faults.
        seed: The campaign's.
        folder: Each trial gets a folder in it, which is kept if the trial ends wrong.
        minutes: For all families together; a trial that has begun ends.
        trials: Only the trials with these numbers, however long they take.
    """
    tallies = {family: Tally() for family in families}
    deadline = time.monotonic() + 60 * minutes
    for number in trials if trials is not None else _until(deadline):
        for family in families:
            if trials is None and time.monotonic() > deadline:
                break
            place = folder / f"{family.name}-{number}"
            place.mkdir(parents=True)
            started = time.monotonic()
            try:
                ending = family.trial(Random(f"{seed} {family.name} {number}"), place)
            except Exception as error:  # a bug of the trial's own is reported like a fault
                tallies[family].wrong.append(number)
                reason = str(error) if isinstance(error, Wrong) else traceback.format_exc()
                print(f"WRONG {family.name} {number}, kept in {place}:\n{reason}", flush=True)
                continue
            tallies[family].endings[ending] += 1
            print(f"{family.name} {number}: {ending.value} ({time.monotonic() - started:.1f} s)", flush=True)
            shutil.rmtree(place)
    return tallies


def _until(deadline: float) -> Iterator[int]:
    number = 0
    while time.monotonic() < deadline:
        yield number
        number += 1


def table(tallies: dict[Family, Tally]) -> str:
    """The tallies in Markdown."""
    lines = [
        f"| fault | trials | {' | '.join(ending.value for ending in Ending)} | wrong |",
        f"|---|---:|{'---:|' * len(Ending)}---:|",
    ]
    for family, tally in tallies.items():
        counts = " | ".join(str(tally.endings[ending]) for ending in Ending)
        lines.append(f"| {family.title} | {tally.num_trials} | {counts} | {len(tally.wrong)} |")
    return "\n".join(lines)
