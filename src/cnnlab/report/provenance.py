"""Where the numbers of a report come from: runs, data, budget, versions."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnlab.experiment.axes import AXES
from cnnlab.report.configurations import Configuration
from cnnlab.report.runs import LeftOut, Run
from cnnlab.report.sentences import Sentences
from cnnlab.report.stages import typed_command
from cnnlab.report.versions import TELLING
from cnnlab.run.status import Status

TOLD = ("threads", "kernels")  # of a machine, in the report's language


def counts(runs: Sequence[Run], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    """How many runs there are of each kind, and what is left out."""
    statuses = [run.status for run in runs]
    completed, diverged = statuses.count(Status.COMPLETED), statuses.count(Status.DIVERGED)
    failed = sum(status in (Status.FAILED, Status.KILLED) for status in statuses)
    return {
        "total": len(runs),
        "completed": completed,
        "diverged": diverged,
        "failed": failed,
        "other": len(runs) - completed - diverged - failed,
        "left_out": [{"path": str(each.path), "reason": each.reason} for each in left_out],
    }


def data_sets(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each data set that was used, once."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        data = run.result["data"]
        if "name" in data:
            digests = data.get("sha256")
            sha256 = " ".join(sorted(map(str, digests.values()))) if isinstance(digests, dict) else ""
            entry = {name: data.get(name) for name in ("name", "train", "val", "test")}
            files = digests if isinstance(digests, dict) else {}
            found[repr((entry, sha256))] = {**entry, "sha256": sha256, "files": files}
    return list(found.values())


def budget(runs: Sequence[Run]) -> dict[str, Any]:
    """Epochs and seeds, and the seconds of all fits together."""
    epochs = {run.result.get("epochs") for run in runs if run.status is Status.COMPLETED}
    return {
        "epochs": sorted(each for each in epochs if isinstance(each, int)),
        "seeds": sorted({run.seed for run in runs}),
        "fit_s": sum(run.seconds("fit") or 0.0 for run in runs),
    }


def shared(runs: Sequence[Run]) -> dict[str, Any]:
    """The options and the number of epochs that all runs have."""
    names = (*AXES, "trainer.max_epochs", "data.batch_size", "optimizer.lr")
    values = [{**run.params, **run.choices} for run in runs]
    same = {name: values[0].get(name) for name in names if len({repr(each.get(name)) for each in values}) == 1}
    return {name: value for name, value in same.items() if value is not None}


def provenance(folder: Path, runs: Sequence[Run], sentences: Sentences) -> dict[str, Any]:
    """Versions, machines, commits and the command, and where runs differ in versions that the notes do not name."""
    typed = typed_command(folder)
    results = [run.result for run in runs]
    versions: dict[str, set[str]] = {}
    for result in results:
        for name, version in _mapping(result.get("versions")).items():
            versions.setdefault(str(name), set()).add(str(version))
    machines = [_mapping(result.get("machine")) for result in results]
    commits = {str(result["commit"]) for result in results if result.get("commit")}
    differing = {name: found for name, found in versions.items() if len(found) > 1 and name not in TELLING}
    return {
        "versions": {name: sorted(found) for name, found in versions.items()},
        "devices": sorted({str(result["device"]) for result in results if result.get("device")}),
        "machines": sorted({_machine(each, sentences) for each in machines if each}),
        "commits": sorted(commits),
        "commands": [] if typed is None else [shlex.join(typed)],
        "warnings": [
            sentences.of("versions", name=name, values=", ".join(sorted(found))) for name, found in differing.items()
        ],
    }


def fingerprints(configurations: Sequence[Configuration]) -> list[dict[str, Any]]:
    """The fingerprint of each run's experiment: of each configuration, by seed; a run that records none has none.

    Args:
        configurations: In the order of the report.
    """
    found = (
        {str(run.seed): str(run.result["fingerprint"]) for run in each.runs if run.result.get("fingerprint")}
        for each in configurations
    )
    return [{"configuration": index, "by_seed": by_seed} for index, by_seed in enumerate(found) if by_seed]


def _machine(machine: dict[str, Any], sentences: Sentences) -> str:
    """A machine on one line: `AMD EPYC, threads 1, kernels cnnlab`."""
    told = {name: sentences.of(f"machine_{name}", value=machine[name]) for name in TOLD if name in machine}
    others = {name: str(value) if name == "processor" else f"{name} {value}" for name, value in machine.items()}
    return ", ".join((others | told).values())


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
