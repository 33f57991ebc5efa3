"""tuning.json: what was tried for each configuration of a sweep, and what was chosen."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cnnlab.files import read_file, write_atomically
from cnnlab.metrics import OBJECTIVES
from cnnlab.sweep.tuning.space import Space, Values

RECORD = "tuning.json"  # in the sweep's folder
MAX_BYTES = 1 << 26
SCHEMA = 1
METHODS = ("lr", "random")


@dataclass(frozen=True)
class Trial:
    """A point of a space, and what came of it.

    Attributes:
        values: Names and values, as in overrides.
        scores: The objective of each tuning seed; None for a run that diverged or did not reach the target.
        statuses: Of each run.
        fit_s: Seconds of all fits together.
    """

    values: Values
    scores: tuple[float | None, ...] = ()
    statuses: tuple[str, ...] = ()
    fit_s: float = 0.0

    def score(self, objective: str) -> float:
        """The mean over seeds, the higher the better: a trial of which a run diverged is below every number."""
        values = [score for score in self.scores if score is not None]
        if not values or len(values) < len(self.scores):
            return -math.inf
        mean = statistics.fmean(values)
        return mean if OBJECTIVES[objective] == "maximize" else -mean


@dataclass(frozen=True)
class Candidate:
    """A configuration of a sweep, whose values are tuned.

    Attributes:
        overrides: Those of its jobs, without the seed.
        space: What is chosen from.
        trials: What is tried.
        fingerprint: Of its config, as `identity.fingerprint`: two commands that have it are the same experiment.
    """

    overrides: tuple[str, ...]
    space: Space = field(repr=False)
    trials: tuple[Trial, ...]
    fingerprint: str

    def best(self, objective: str) -> Trial | None:
        """The best trial, of equal ones the one nearest to the middle of the space; None if all diverged."""
        found = max(
            self.trials,
            key=lambda trial: (trial.score(objective), -self.space.distance_from_middle(trial.values)),
        )
        return found if found.score(objective) > -math.inf else None


def write_record(folder: Path, method: str, objective: str, seeds: Sequence[int], candidates: list[Candidate]) -> None:
    """Writes the record of a finished tuning; configurations that only an earlier command tuned in the same way stay.

    Args:
        folder: The sweep's folder.
        method: `lr` or `random`.
        objective: What the trials were compared by.
        seeds: The tuning seeds.
        candidates: With their finished trials.
    """
    how = {"schema": SCHEMA, "method": method, "objective": objective, "seeds": list(seeds)}
    earlier = read_record(folder) or {}
    tuned = [list(each.overrides) for each in candidates]
    is_same = all(earlier.get(name) == value for name, value in how.items())
    kept = [each for each in earlier["candidates"] if each["overrides"] not in tuned] if is_same else []
    content = {**how, "candidates": [*(_as_json(each, objective) for each in candidates), *kept]}
    write_atomically(folder / RECORD, (json.dumps(content, indent=1) + "\n").encode())


def _as_json(candidate: Candidate, objective: str) -> dict[str, Any]:
    best = candidate.best(objective)
    return {
        "overrides": list(candidate.overrides),
        "fingerprint": candidate.fingerprint,
        "space": candidate.space.texts,
        "trials": [asdict(trial) for trial in candidate.trials],
        "chosen": None if best is None else candidate.trials.index(best),
        "at_edge": [] if best is None else candidate.space.at_edge(best.values),
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """The content of a sweep's tuning.json; None if there is none, or it is damaged.

    Args:
        folder: The sweep's folder.
    """
    return read_record_file(folder / RECORD)


def read_record_file(path: Path) -> dict[str, Any] | None:
    """As `read_record`, of a file of any name."""
    try:
        content = json.loads(read_file(path, MAX_BYTES))
        is_valid = (
            content["schema"] == SCHEMA
            and content["method"] in METHODS
            and content["objective"] in OBJECTIVES
            and _is_list_of(int, content["seeds"])
            and len(content["candidates"]) > 0
            and all(map(_is_candidate, content["candidates"]))
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return content if is_valid else None


def _is_candidate(content: dict[str, Any]) -> bool:
    trials, chosen = content["trials"], content["chosen"]
    is_chosen = chosen is None or (type(chosen) is int and 0 <= chosen < len(trials))
    texts = _is_list_of(str, content["overrides"]) and _is_list_of(str, content["at_edge"])
    return is_chosen and texts and _are_texts(content["space"]) and len(trials) > 0 and all(map(_is_trial, trials))


def _is_trial(content: dict[str, Any]) -> bool:
    scores = [score for score in content["scores"] if score is not None]
    are_numbers = all(type(score) is float and math.isfinite(score) for score in scores)
    is_timed = type(content["fit_s"]) in (int, float)
    return are_numbers and is_timed and _are_texts(content["values"]) and _is_list_of(str, content["statuses"])


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


def _are_texts(value: dict[str, Any]) -> bool:
    return _is_list_of(str, list(value.values()))


def with_recorded_results(
    candidates: Sequence[Candidate], record: dict[str, Any] | None, objective: str, seeds: Sequence[int]
) -> list[Candidate] | None:
    """The candidates with the results in a record; None unless it is that of their trials.

    Args:
        candidates: As planned.
        record: From `read_record`.
        objective: What the trials are compared by.
        seeds: The tuning seeds.
    """
    if record is None or (record["objective"], record["seeds"]) != (objective, list(seeds)):
        return None
    recorded = record["candidates"][: len(candidates)]  # those of other commands follow
    planned = [(list(each.overrides), [trial.values for trial in each.trials]) for each in candidates]
    if planned != [(each["overrides"], [trial["values"] for trial in each["trials"]]) for each in recorded]:
        return None
    return [_with_trials(each, found) for each, found in zip(candidates, recorded, strict=True)]


def from_other_sweep(
    candidate: Candidate, record: dict[str, Any], objective: str, seeds: Sequence[int]
) -> Candidate | None:
    """A configuration with the results that a record of any sweep has of it; None if it was not tuned in the same way.

    Args:
        candidate: As planned.
        record: From `read_record_file`.
        objective: What the trials are compared by.
        seeds: The tuning seeds.
    """
    if (record["objective"], record["seeds"]) != (objective, list(seeds)):
        return None
    values = [trial.values for trial in candidate.trials]
    for found in record["candidates"]:
        is_same = found.get("fingerprint") == candidate.fingerprint and found["space"] == candidate.space.texts
        if is_same and values == [trial["values"] for trial in found["trials"]]:
            return _with_trials(candidate, found)
    return None


def _with_trials(candidate: Candidate, recorded: dict[str, Any]) -> Candidate:
    trials = (
        Trial(trial["values"], tuple(trial["scores"]), tuple(trial["statuses"]), trial["fit_s"])
        for trial in recorded["trials"]
    )
    return replace(candidate, trials=tuple(trials))
