"""A sweep's two stages: the first decides on the number of seeds, and the second is the last."""

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from cnnlab.files import read_text
from cnnlab.report.comparisons import Comparison, Verdict
from cnnlab.report.inference.differences import Estimate
from cnnlab.report.inference.stages import total_seeds

DAMAGES = (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError)  # of a sweep's record
MOST_PLANNED = 1_000  # seeds a configuration: a larger number is no plan


class Stage(NamedTuple):
    """Where a sweep stands.

    Attributes:
        number: 2 if it has the seeds that an earlier report has planned, else 1.
        plan: Of the earlier report: `first_seeds`, `total` and `margin`.
        looked_at: The seeds of an earlier report, if there are others now that nobody had planned; else none.
        planned_seeds: Those that the sweep's command asked for at the first look.
    """

    number: int = 1
    plan: dict[str, Any] | None = None
    looked_at: tuple[int, ...] = ()
    planned_seeds: tuple[int, ...] = ()

    @property
    def first_seeds(self) -> tuple[int, ...]:
        """The seeds of the first stage; none without a plan."""
        return tuple(self.plan["first_seeds"]) if self.plan else ()

    @property
    def is_halfway(self) -> bool:
        """Whether the second stage is at work, so that only the first one's seeds may be looked at."""
        return self.plan is not None and self.number == 1


def stage_of(previous: Mapping[str, Any] | None, seeds: Collection[int], asked_for: Collection[int] = ()) -> Stage:
    """Compares a sweep's seeds with those of its earlier report, and with those that were planned at the first look.

    A plan stands, whatever margin is asked for later, and there is no third stage.

    Args:
        previous: The content of the earlier report.json, if any.
        seeds: Those that all compared configurations have completed.
        asked_for: Those of the sweep's last command.
    """
    before = _seeds(_part(previous, "budget").get("seeds"))
    looked_at = _seeds((previous or {}).get("looked_at"))
    planned_seeds = _seeds((previous or {}).get("planned_seeds")) or before or tuple(asked_for)
    if looked_at and not set(seeds) <= set(looked_at):
        return Stage(looked_at=looked_at, planned_seeds=planned_seeds)
    planned = _part(previous, "plan")
    first, total = _seeds(planned.get("first_seeds")), planned.get("total")
    was_second = _part(previous, "settings").get("stage") == 2
    if first and isinstance(total, int) and set(first) <= set(seeds):
        if was_second and not set(seeds) <= set(before):
            return Stage(looked_at=before, planned_seeds=planned_seeds)
        return Stage(2 if len(seeds) >= total else 1, planned, planned_seeds=planned_seeds)
    if before and not set(seeds) <= {*before, *planned_seeds}:
        return Stage(looked_at=before, planned_seeds=planned_seeds)
    return Stage(planned_seeds=planned_seeds)


def plan(comparisons: Sequence[Comparison], margin: float, family: int | None = None) -> dict[str, Any] | None:
    """The number of seeds with which every comparison would show a difference of the margin, with 80 % power.

    Args:
        comparisons: Of the first stage, by seed.
        margin: The user's, as a fraction.
        family: As for `compare`.

    Returns:
        For report.json; None if every comparison has its verdict, or the configurations do not have the same seeds,
        have enough, or would need too many.
    """
    if len({each.seeds for each in comparisons}) != 1 or not comparisons[0].seeds:
        return None
    if not any(each.verdict is Verdict.UNDECIDED for each in comparisons):
        return None
    seeds = comparisons[0].seeds
    estimate = Estimate(*(np.array([getattr(each, name) for each in comparisons]) for name in Estimate._fields))
    total = int(total_seeds(estimate, len(seeds), len(comparisons) if family is None else family, margin).max())
    if not len(seeds) < total <= MOST_PLANNED:
        return None
    return {"first_seeds": list(seeds), "total": total, "margin": margin}


def command(sweep: Path, planned: Mapping[str, Any], language: str) -> str | None:
    """The command that runs the seeds of a sweep's second stage; None if the sweep's own is unknown.

    Args:
        sweep: Its folder.
        planned: From `plan`.
        language: Of its report.
    """
    seeds, total = planned["first_seeds"], planned["total"]
    typed = typed_command(sweep)
    if typed is None:
        return None
    more = range(max(seeds) + 1, max(seeds) + 1 + total - len(seeds))
    is_range = list(seeds) == list(range(len(seeds)))
    wanted = f"seed=range(0,{total})" if is_range else "seed=" + ",".join(map(str, [*seeds, *more]))
    kept = [text for text in typed if not text.startswith(("seed=", "report.margin=", "report.language="))]
    of_report = [
        f"report.margin={100 * planned['margin']:g}",
        *([] if language == "en" else [f"report.language={language}"]),
    ]
    return shlex.join([*kept, wanted, *of_report])


def typed_command(sweep: Path) -> list[str] | None:
    """The words of the command that last ran a sweep; None if its record is missing or damaged.

    Args:
        sweep: Its folder.
    """
    try:
        hydra = _record(sweep)
        typed = [str(text) for text in hydra["overrides"]["task"]]
        is_ready_made = hydra["runtime"]["choices"].get("sweep") is not None
    except DAMAGES:
        return None
    return ["python", "train.py", *([] if is_ready_made else ["-m"]), *typed]


def seeds_of_command(sweep: Path) -> tuple[int, ...]:
    """The seeds that the command that last ran a sweep asked for; none if its record is missing or damaged.

    Args:
        sweep: Its folder.
    """
    try:
        hydra = _record(sweep)
        params = (hydra["sweeper"].get("params") or {}).get("seed")
        lines = [*([] if params is None else [f"seed={params}"]), *map(str, hydra["overrides"]["task"])]
        given = [text.lstrip("+") for text in lines if text.lstrip("+").startswith("seed=")]
        override = OverridesParser.create().parse_override(given[-1])
        values = override.sweep_iterator() if override.is_sweep_override() else iter([override.value()])
        return tuple(value for value in values if type(value) is int)
    except (*DAMAGES, HydraException):
        return ()


def _record(sweep: Path) -> dict[str, Any]:
    hydra: dict[str, Any] = yaml.safe_load(read_text(sweep / "multirun.yaml"))["hydra"]
    return hydra


def previous_report(path: Path) -> dict[str, Any] | None:
    """The content of an earlier report.json; None if there is none, or it is damaged."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _part(content: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    part = (content or {}).get(name)
    return part if isinstance(part, dict) else {}


def _seeds(value: Any) -> tuple[int, ...]:
    return tuple(seed for seed in value if type(seed) is int) if isinstance(value, list) else ()
