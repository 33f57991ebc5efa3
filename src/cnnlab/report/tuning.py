"""How the compared configurations were tuned: what was tried, what was chosen, and what more trials would bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.errors import UserError
from cnnlab.metrics import ACCURACY
from cnnlab.report.configurations import IGNORED, Configuration
from cnnlab.report.images import class_names
from cnnlab.report.inference.tuning_curves import tuning_curve
from cnnlab.report.runs import Run
from cnnlab.report.sentences import Sentences
from cnnlab.sweep.tuning import Parameter, read_record

VAL = ACCURACY.of("val")
HARMLESS = (*IGNORED, "data.root", "kernels")  # overrides that an earlier command of the same sweep may have lacked
NEAR = 0.01  # a trial within a point of the best one is near it


@dataclass(frozen=True)
class Tuning:
    """The record of a sweep's first stage.

    Attributes:
        record: The content of its tuning.json.
    """

    record: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path, runs: Sequence[Run]) -> "Tuning | None":
        """The tuning that runs have their values from; None if not all of them have, or no trial had a result.

        Args:
            folder: The sweep's folder.
            runs: Its runs.
        """
        record = read_record(folder)
        if record is None or all(each["chosen"] is None for each in record["candidates"]):
            return None
        tuning = cls(record)
        return tuning if all(tuning._candidate(run) is not None for run in runs) else None

    @property
    def names(self) -> set[str]:
        """The tuned names."""
        return {name for each in self.record["candidates"] for name in each["space"]}

    def content(self, configurations: Sequence[Configuration]) -> dict[str, Any]:
        """The part of report.json.

        Args:
            configurations: In the order of the report.
        """
        record = self.record
        found = [(index, self._candidate(each.runs[0])) for index, each in enumerate(configurations)]
        tuned = [(index, candidate) for index, candidate in found if candidate is not None]
        trials = [trial for _, candidate in tuned for trial in candidate["trials"]]
        chance = self._chance(configurations[0].runs[0]) if configurations else None
        return {
            "method": record["method"],
            "objective": record["objective"],
            "seeds": record["seeds"],
            "num_trials": max((len(candidate["trials"]) for _, candidate in tuned), default=0),
            "num_runs": sum(len(trial["statuses"]) for trial in trials),
            "fit_s": sum(trial["fit_s"] for trial in trials),
            "chance": chance,
            "configurations": [self._configuration(index, candidate, chance) for index, candidate in tuned],
        }

    def _configuration(self, index: int, candidate: Mapping[str, Any], chance: float | None) -> dict[str, Any]:
        trials = [{"values": trial["values"], "score": _score(trial)} for trial in candidate["trials"]]
        chosen = candidate["chosen"]
        scores = [trial["score"] for trial in trials]
        by_accuracy = self.record["objective"] == VAL
        best = max((score for score in scores if score is not None), default=None) if by_accuracy else None
        near = None if best is None else sum(score is not None and score >= best - NEAR for score in scores)
        return {
            "configuration": index,
            "space": {name: _in_words(name, text) for name, text in candidate["space"].items()},
            "parameters": {name: _parameter(name, text) for name, text in candidate["space"].items()},
            "chosen": None if chosen is None else trials[chosen]["values"],
            "score": None if chosen is None else scores[chosen],
            "at_edge": candidate["at_edge"],
            "num_trials": len(trials),
            "num_diverged": sum("diverged" in trial["statuses"] for trial in candidate["trials"]),
            "num_at_chance": None if chance is None else sum(each is not None and each <= chance for each in scores),
            "num_near": near,
            "trials": trials,
            "curve": tuning_curve(scores) if by_accuracy and self._is_drawn(candidate) else None,
        }

    def _chance(self, run: Run) -> float | None:
        """The accuracy up to which a trial has learnt nothing: twice that of guessing; None if it cannot be told."""
        names = class_names(run) if self.record["objective"] == VAL else None
        return min(2 / len(names), 0.5) if names and len(names) > 1 else None

    def _is_drawn(self, candidate: Mapping[str, Any]) -> bool:
        """Whether the trials are independent draws, rather than a grid or all that there is."""
        return self.record["method"] == "random" and any("interval" in text for text in candidate["space"].values())

    def _candidate(self, run: Run) -> Mapping[str, Any] | None:
        """The record of a run's configuration, if it has the chosen values."""
        typed = run.typed.items()
        for each in self.record["candidates"]:
            chosen = None if each["chosen"] is None else each["trials"][each["chosen"]]["values"]
            told = {name: value for name, value in _named(each["overrides"]).items() if not name.startswith(HARMLESS)}
            wanted = {**told, **(chosen or {})}
            if wanted.items() <= typed and (chosen is not None or not self.names & run.typed.keys()):
                return dict(each)
        return None


def tuning_notes(
    content: Mapping[str, Any], configurations: Sequence[Configuration], sentences: Sentences
) -> list[str]:
    """How a sweep was tuned, and what limits that.

    Args:
        content: From `Tuning.content`.
        configurations: In the order of the report.
        sentences: In the report's language.
    """
    tuned = content["configurations"]
    found = [
        sentences.of(
            f"tuned_{content['method']}",
            num=content["num_trials"],
            objective=content["objective"],
            seeds=len(content["seeds"]),
            runs=content["num_runs"],
            minutes=f"{content['fit_s'] / 60:.0f}",
        )
    ]
    found.append(sentences.of("tuned_choice"))
    for name in sorted({name for each in tuned for name in each["at_edge"]}):
        names = [configurations[each["configuration"]].name for each in tuned if name in each["at_edge"]]
        found.append(sentences.of("at_edge", names=", ".join(names), name=name))
    if untuned := [configurations[each["configuration"]].name for each in tuned if each["chosen"] is None]:
        found.append(sentences.of("untuned", names=", ".join(untuned)))
    return found


def _named(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (text.lstrip("+~").partition("=") for text in overrides)
    return {name: value for name, mark, value in pairs if mark}


def _in_words(name: str, declared: str) -> str:
    try:
        return str(Parameter.of(name, declared))
    except UserError:
        return declared  # by another version


def _parameter(name: str, declared: str) -> dict[str, Any] | None:
    """The ends of an interval, or what is listed; None if it is another version's."""
    try:
        parameter = Parameter.of(name, declared)
    except UserError:
        return None
    if parameter.listed:
        return {"listed": list(parameter.listed)}
    return {"low": parameter.low, "high": parameter.high, "is_log": parameter.is_log}


def _score(trial: Mapping[str, Any]) -> float | None:
    """The mean over a trial's seeds; None if a run has no score."""
    scores = trial["scores"]
    return None if not scores or None in scores else sum(scores) / len(scores)
