"""report.json: every number and every sentence of a report, from which its page and its tables are drawn."""

import math
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

from cnnlab.metrics import ACCURACY
from cnnlab.report.comparisons import Comparison, compare, groups
from cnnlab.report.configurations import Configuration, group
from cnnlab.report.factors import heat_map, sensitivity, shares_of_variance
from cnnlab.report.findings import common_rate, compares_defaults, headline, notes
from cnnlab.report.inference.differences import ALPHA, POWER
from cnnlab.report.predictions import Answers
from cnnlab.report.provenance import budget, counts, data_sets, provenance, shared
from cnnlab.report.runs import LeftOut, Run
from cnnlab.report.sentences import Sentences, points
from cnnlab.report.stages import Stage, command, plan, seeds_of_command, stage_of
from cnnlab.report.summaries import TARGETS, correlation, curve, summarise, times_to
from cnnlab.report.tuning import Tuning, tuning_notes
from cnnlab.report.versions import code_notes, with_code
from cnnlab.run.status import Status

SCHEMA = 1
TEST, VAL = ACCURACY.of("test"), ACCURACY.of("val")
NO_INTERVALS = {"images": None, "images_and_seeds": None}  # without predictions
MOST_PAIRS = 2_000  # above, all are compared with the best on validation data


@dataclass(frozen=True)
class Settings:
    """What a user chooses of a report.

    Attributes:
        margin: A difference of test accuracy that does not matter, as a fraction; None for no equivalence.
        baseline: The name of the configuration with which all others are compared; None for all pairs.
        language: `"en"` or `"ko"`.
        targets: Validation accuracies whose times are reported.
        mix_versions: Whether runs of different versions are averaged.
    """

    margin: float | None = None
    baseline: str | None = None
    language: str = "en"
    targets: tuple[float, ...] = TARGETS
    mix_versions: bool = False


def build(
    folder: Path,
    runs: Sequence[Run],
    left_out: Sequence[LeftOut],
    settings: Settings,
    previous: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of a sweep's report.

    Args:
        folder: The sweep's folder.
        runs: Its runs, at least one.
        left_out: What is in the folder and does not count.
        settings: The user's choices; the baseline is one of the configurations.
        previous: The content of the sweep's earlier report, if any: its plan of a second stage.
    """
    tuning = Tuning.of(folder, runs)
    names, configurations = ranked(runs, tuning, settings)
    stage = stage_of(previous, _common_seeds(configurations), seeds_of_command(folder))
    num_waiting = 0
    if stage.is_halfway:
        looked_at = [run for run in runs if run.seed in stage.first_seeds]
        num_waiting, runs = len(runs) - len(looked_at), looked_at
        names, configurations = ranked(runs, tuning, settings)
    sentences = Sentences(settings.language)
    pairs, baseline, family = _pairs(configurations, settings)
    comparisons = compare(
        [each.measured(TEST) for each in configurations], pairs, settings.margin, stage.first_seeds, family
    )
    comparisons = with_code(comparisons, configurations, names)
    planned = stage.plan
    if planned is None and settings.margin is not None and not stage.looked_at:
        planned = plan(comparisons, settings.margin, family)
    answers = Answers.of(configurations)
    tuned = None if tuning is None else tuning.content(configurations)
    brackets = groups(len(configurations), comparisons) if baseline is None and comparisons else []
    return {
        "schema": SCHEMA,
        "language": settings.language,
        "title": folder.name,
        "folder": str(folder),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(folder, settings),
        "settings": {
            "alpha": ALPHA,
            "power": POWER,
            "margin": settings.margin,
            "baseline": baseline,
            "stage": stage.number,
            "family": len(comparisons) if family is None else family,
            "mix_versions": settings.mix_versions,
        },
        "plan": planned,
        "looked_at": list(stage.looked_at),
        "planned_seeds": list(stage.planned_seeds),
        "varied": names,
        "shared": shared(runs),
        "notes": [
            *_of_stages(folder, stage, planned, num_waiting, sentences),
            *_of_tuning(tuned, configurations, sentences),
            *code_notes(configurations, comparisons, settings.mix_versions, sentences),
            *notes(
                configurations, comparisons, None if settings.baseline else baseline, planned is not None, sentences
            ),
        ],
        "runs": counts(runs, left_out),
        "data": data_sets(runs),
        "budget": budget(runs),
        "headline": headline(configurations, comparisons, brackets, settings.margin, baseline, sentences),
        "configurations": [
            _configuration(each, index, brackets, settings, answers) for index, each in enumerate(configurations)
        ],
        "groups": brackets,
        "comparisons": _comparisons(configurations, comparisons, answers, settings.margin, sentences),
        **_overviews(names, configurations, answers),
        "tuning": tuned,
        "provenance": provenance(folder, runs, sentences),
    }


def ranked(runs: Sequence[Run], tuning: Tuning | None, settings: Settings) -> tuple[list[str], list[Configuration]]:
    """The varied names, and the configurations in the order of the report.

    Args:
        runs: From `read_runs`.
        tuning: Theirs, if they were tuned.
        settings: The user's choices.
    """
    names, found = group(runs, () if tuning is None else tuning.names, settings.mix_versions)
    return names, sorted(found, key=_by_validation)


def _comparisons(
    configurations: Sequence[Configuration],
    comparisons: Sequence[Comparison],
    answers: Answers | None,
    margin: float | None,
    sentences: Sentences,
) -> list[dict[str, Any]]:
    labels = [sentences.label(each.name, len(each.runs), each.num_lost) for each in configurations]
    return [
        {
            **asdict(each),
            **(NO_INTERVALS if answers is None else answers.intervals(each)),
            "sentence": sentences.comparison(each, labels, margin),
        }
        for each in comparisons
    ]


def _overviews(
    names: Sequence[str], configurations: Sequence[Configuration], answers: Answers | None
) -> dict[str, Any]:
    """What is shown of all configurations together."""
    split = "val" if any(each.measured(VAL) for each in configurations) else "test"
    curves = (curve(each, index, split) for index, each in enumerate(configurations))
    return {
        "correlation": correlation([each.measured(TEST) for each in configurations]),
        "curves": [each for each in curves if each is not None],
        "disagreement": None if answers is None else answers.disagreement(),
        "effects": shares_of_variance(names, configurations, TEST),
        "heat_map": heat_map(names, configurations, {"val": VAL, "test": TEST}),
        "sensitivity": sensitivity(names, configurations, VAL),
    }


def _of_tuning(
    tuned: dict[str, Any] | None, configurations: Sequence[Configuration], sentences: Sentences
) -> list[str]:
    """How the configurations were tuned, or that they were not."""
    if tuned is not None:
        return tuning_notes(tuned, configurations, sentences)
    if (rate := common_rate(configurations)) is not None:
        return [sentences.of("one_rate", rate=rate)]
    return [sentences.of("defaults")] if compares_defaults(configurations) else []


def _common_seeds(configurations: Sequence[Configuration]) -> set[int]:
    """The seeds that all configurations with any completed run have completed."""
    measured = [set(values) for each in configurations if (values := each.measured(TEST))]
    return set.intersection(*measured) if measured else set()


def _of_stages(
    folder: Path, stage: Stage, planned: dict[str, Any] | None, num_waiting: int, sentences: Sentences
) -> list[str]:
    """What the reader has to know about the choice of the number of seeds, and the command for the others."""
    if stage.looked_at:
        return [sentences.of("looked", n=len(stage.looked_at))]
    if planned is None:
        return []
    first, total, margin = len(planned["first_seeds"]), planned["total"], points(planned["margin"])
    if stage.number == 2:
        return [sentences.of("second_stage", first=first, total=total)]
    waiting = [sentences.of("waiting", waiting=num_waiting, first=first)] if num_waiting else []
    typed = command(folder, planned, sentences.language)
    note = sentences.of("plan", margin=margin, total=total) + ("" if typed is None else f": {typed}")
    return [*waiting, note]


def _by_validation(configuration: Configuration) -> tuple[bool, float]:
    """The order of the report: the best on validation data first, those without any last; the sort is stable.

    A run that diverged or failed has an accuracy of 0, below every other: a mean over survivors never ranks first.
    """
    values = [*configuration.measured(VAL).values(), *[0.0] * configuration.num_lost]
    return (not configuration.measured(TEST), -statistics.fmean(values) if values else 0.0)


def _pairs(
    configurations: Sequence[Configuration], settings: Settings
) -> tuple[list[tuple[int, int]], str | None, int | None]:
    """The comparisons, the configuration that all others are compared with, and the family they were chosen from.

    A baseline of the user's was chosen before; the best on validation data was chosen by the data, as one of all pairs.
    """
    names = [each.name for each in configurations]
    baseline, family, num_pairs = settings.baseline, None, math.comb(len(names), 2)
    if baseline is None and num_pairs <= MOST_PAIRS:
        return list(combinations(range(len(names)), 2)), None, None
    if baseline is None:
        baseline, family = names[0], num_pairs
    index = names.index(baseline)
    return [(other, index) for other in range(len(names)) if other != index], baseline, family


def _configuration(
    configuration: Configuration,
    index: int,
    brackets: Sequence[Sequence[int]],
    settings: Settings,
    answers: Answers | None,
) -> dict[str, Any]:
    runs, measured = configuration.runs, configuration.measured(TEST)
    statuses = [run.status for run in runs]
    fit = [seconds for run in runs if (seconds := run.seconds("fit")) is not None and run.status is Status.COMPLETED]
    num_failed = sum(status in (Status.FAILED, Status.KILLED) for status in statuses)
    num_diverged = statuses.count(Status.DIVERGED)
    return {
        "id": index,
        "name": configuration.name,
        "values": dict(configuration.values),
        "n": len(measured),
        "seeds": sorted(measured),
        "num_diverged": num_diverged,
        "num_failed": num_failed,
        "num_other": len(runs) - statuses.count(Status.COMPLETED) - num_diverged - num_failed,
        "survivors_only": bool(measured) and num_diverged + num_failed > 0,
        "val": summarise(configuration.measured(VAL)),
        "test": summarise(measured),
        "predicted_deviation": None if answers is None else answers.predicted_deviation(index),
        "fit_s": statistics.median(fit) if fit else None,
        "targets": [times_to(runs, target) for target in settings.targets],
        "group_ids": [number for number, members in enumerate(brackets) if index in members],
    }


def _command(folder: Path, settings: Settings) -> str:
    options = [
        *([f"--margin {100 * settings.margin:g}"] if settings.margin is not None else []),
        *([f"--baseline {shlex.quote(settings.baseline)}"] if settings.baseline is not None else []),
        *([f"--language {settings.language}"] if settings.language != "en" else []),
        *([f"--targets {','.join(f'{each:g}' for each in settings.targets)}"] if settings.targets != TARGETS else []),
        *(["--mix-versions"] if settings.mix_versions else []),
    ]
    return " ".join(["python scripts/report.py", shlex.quote(str(folder)), *options])
