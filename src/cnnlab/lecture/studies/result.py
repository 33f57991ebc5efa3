"""The lecture's result, 99.03 % after 40 epochs, over seeds; and what define-by-run means."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from cnnlab.lecture.claims import Claim, ExactClaim, Expected
from cnnlab.lecture.graphs import (
    Branching,
    Doubling,
    export,
    exported_operations,
    operations,
    parameters_of,
    recorded,
    refusal,
)
from cnnlab.lecture.studies.result_figures import show
from cnnlab.lecture.study import Measured, Study, Workspace
from cnnlab.lecture.swept import final_accuracy
from cnnlab.nn import LectureNet
from cnnlab.report.images import read_test_images
from cnnlab.report.inference.differences import mean_interval
from cnnlab.report.runs import Run

SWEEP = "lecture_result"
LECTURE_ACCURACY = 0.9903
CLAIMS = (
    Claim("result_reproduced", Expected.EQUAL, margin=0.001, unit="points", conditions=("lecture",)),
    ExactClaim("defined_by_run", conditions=("branch", "loop", "modes")),
    ExactClaim("captured_before", conditions=("same_outputs", "refuses_branch", "fixes_size")),
)
NUM_CONTESTED = 12


def measure(workspace: Workspace) -> Measured:
    """Reads the 40-epoch runs, and records graphs.

    Args:
        workspace: Where the sweep's runs are.
    """
    runs = sorted(workspace.runs(SWEEP), key=lambda run: run.seed)
    accuracies = [final_accuracy(run) for run in runs]
    graphs, holds = _graphs()
    effects: dict[str, dict[str, list[float]]] = {
        "result_reproduced": {"lecture": [accuracy - LECTURE_ACCURACY for accuracy in accuracies]},
        **{claim: {name: [float(check)] for name, check in each.items()} for claim, each in holds.items()},
    }
    low, high = mean_interval(accuracies)
    data = {
        "lecture": LECTURE_ACCURACY,
        "mean": float(np.mean(accuracies)),
        "interval": [float(low), float(high)],
        "runs": [_summary(run) for run in runs],
        "curves": {split: [run.epochs[f"{split}/acc"] for run in runs] for split in ("train", "test")},
        "mistakes": _mistakes(runs),
        "graphs": graphs,
    }
    return Measured(effects, data)


def _summary(run: Run) -> dict[str, Any]:
    return {"seed": run.seed, "accuracy": final_accuracy(run), "seconds": run.seconds("fit")}


def _mistakes(runs: Sequence[Run]) -> dict[str, Any] | None:
    """What the networks of all seeds got wrong; None if their predictions are not there."""
    found = [predictions for run in runs if (predictions := run.predictions()) is not None]
    if not found:
        return None
    label = found[0].label
    predicted = np.stack([each.predicted for each in found])  # (seeds, images)
    wrong = (predicted != label).sum(axis=0)
    num_classes = int(label.max()) + 1
    pairs = label.astype(int) * num_classes + predicted.astype(int)
    confusion = np.bincount(pairs.ravel(), minlength=num_classes**2).reshape(num_classes, num_classes)
    # wrong for most seeds, then least probable
    probability = np.mean([each.probability.astype(float) for each in found], axis=0)
    worst = np.lexsort((probability, -wrong))[:NUM_CONTESTED].tolist()
    images = read_test_images(runs[0], worst)
    contested = [
        {
            "index": index,
            "label": int(label[index]),
            "predicted": int(np.bincount(predicted[:, index]).argmax()),
            "num_wrong": int(wrong[index]),
            "pixels": None if images is None else images[place],
        }
        for place, index in enumerate(worst)
    ]
    return {
        "num_seeds": len(found),
        "confusion": confusion.tolist(),
        "contested": contested,
        "wrong_for_all": int((wrong == len(found)).sum()),
        "wrong_for_any": int((wrong > 0).sum()),
    }


def _graphs() -> tuple[dict[str, Any], dict[str, dict[str, bool]]]:
    network = LectureNet(nn.ReLU, lambda: nn.MaxPool2d(2), image_shape=(1, 28, 28), num_classes=10)
    images = torch.zeros(2, 1, 28, 28)
    modes = {mode: _recorded(network.train(mode == "training"), images) for mode in ("training", "evaluation")}
    program = export(network.eval(), images)
    assert not isinstance(program, str), program
    branches = {name: _names(Branching(), value) for name, value in (("positive", 1.0), ("negative", -1.0))}
    loops = {value: len(_names(Doubling(), value)) for value in (0.3, 0.1, 0.01)}
    refuses_branch, refuses_size = export(Branching(), torch.ones(3)), refusal(program, torch.zeros(3, 1, 28, 28))
    images = torch.linspace(-1, 1, images.numel()).view_as(images)
    holds = {
        "defined_by_run": {
            "branch": branches == {"positive": ["ReluBackward0"], "negative": ["TanhBackward0"]},
            "loop": loops == {0.3: 1, 0.1: 3, 0.01: 6},  # sums of 0.6, 0.2 and 0.02 are doubled until 1
            "modes": len(modes["training"]) == len(modes["evaluation"]) + 2,  # the two dropouts
        },
        "captured_before": {
            "same_outputs": torch.equal(program.module()(images), network(images)),
            "refuses_branch": isinstance(refuses_branch, str),
            "fixes_size": refuses_size is not None,
        },
    }
    found = {
        **modes,
        "exported": exported_operations(program),
        "branches": branches,
        "loops": [[value, num] for value, num in loops.items()],
        "refuses_branch": refuses_branch if isinstance(refuses_branch, str) else "",
        "refuses_size": refuses_size or "",
    }
    return found, holds


def _recorded(network: nn.Module, images: torch.Tensor) -> list[dict[str, Any]]:
    nodes = recorded(network(images), network)
    return [{"name": node.name, "parameters": parameters_of(node, nodes)} for node in operations(nodes)]


def _names(network: nn.Module, value: float) -> list[str]:
    """What autograd records of a network for two equal numbers."""
    x = torch.full((2,), value, requires_grad=True)
    return [node.name for node in operations(recorded(network(x)))]


STUDY = Study(
    name="result",
    claims=CLAIMS,
    measure=measure,
    show=show,
    sweeps=(SWEEP,),
    sources=("lecture/graphs.py", "lecture/swept.py", "nn/lecture.py"),
)
